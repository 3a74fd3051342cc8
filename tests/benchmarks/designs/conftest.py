"""A cache whose fonts are ours, so that nothing is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.processes import ROOT

FONT = ROOT / "generator_service" / "fonts" / "bundled" / "Tuffy_Bold.ttf"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a directory with a font under each of the names that the designs need."""
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    for name in {name for design in DESIGNS for name in design.fonts}:
        shutil.copy(FONT, fonts / name)
    return tmp_path
