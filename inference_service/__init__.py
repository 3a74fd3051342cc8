"""Predicts the text of captchas over HTTP."""
