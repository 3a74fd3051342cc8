"""The command `python -m trainer label`: labels images that have none."""
