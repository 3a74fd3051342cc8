"""Reads captchas over HTTP."""
