"""What a network costs: multiply-adds, and time for one image."""
