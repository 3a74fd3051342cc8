"""What the three programs agree on: specs, labels, images, wire bodies, artifacts."""
