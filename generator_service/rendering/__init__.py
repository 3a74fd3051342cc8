"""Rendering: a spec, a text and a seed become an image or a recording."""
