"""The bundled model: version 0, with which every installation starts."""

from __future__ import annotations

from pathlib import Path

BUNDLED_MODEL = Path(__file__).parents[1] / "bundled"
"""Directory that contains version 0."""
BUNDLED_VERSION = 0
"""Number of the bundled model; the trainer publishes from 1 on."""
BUNDLED_DIR = BUNDLED_MODEL / str(BUNDLED_VERSION)
"""Directory of version 0."""
