"""Figures of a data set and of the order of its values."""
