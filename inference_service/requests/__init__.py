"""Requests: from the bytes of a body and the query to images and restrictions."""
