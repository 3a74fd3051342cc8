"""Trainings that the course compares: each one is a directory with the history of its epochs."""
