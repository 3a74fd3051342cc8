"""Publishing: export, compare, upload and prune versions, and make one the bundled model."""
