"""Models: which version is active, and how it is checked and loaded."""
