"""Steps that train: each compares some runs, and writes a figure and a table."""
