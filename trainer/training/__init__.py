"""Training: one `model.fit` with its metrics, learning-rate schedules and callbacks."""
