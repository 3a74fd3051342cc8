"""Evaluation: accuracy on the test set, report figures and the quality gate."""
