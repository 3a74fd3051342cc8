"""Trains a recogniser on captchas from the generator and publishes it as a model version."""
