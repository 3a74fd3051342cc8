"""Rendering styles of earlier captchas: `gimpy`, `line` and `crowded`."""
