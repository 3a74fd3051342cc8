"""What the two HTTP services have in common."""
