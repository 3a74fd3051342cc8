"""Model versions and all that lies beside them, on the models volume and in an object store."""
