"""The sync service: copies versions from an object store to the models volume of its node."""
