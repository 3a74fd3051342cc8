"""Prediction: from image bytes to texts, in batches, on the event loop or a worker thread."""
