"""Publishing: export a SavedModel, and copy a version into the inference service."""
