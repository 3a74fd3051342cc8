"""What every Python program of this folder does: read a job, draw its texts, write PNG files.

It runs in the environment of the generator, so it imports only Pillow.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Draw = Callable[[str, list[str], random.Random], Image.Image]
"""Text, font files, source of random numbers -> RGB image."""


def run(draw: Draw) -> None:
    """Draw the job on standard input: `texts`, `seed`, `fonts` and `folder`."""
    job = json.load(sys.stdin)
    for index, text in enumerate(job["texts"]):
        key = f"{job['seed']} {index}"
        random.seed(key)  # what published generators use
        image = draw(text, job["fonts"], random.Random(key))
        image.convert("RGB").save(Path(job["folder"], f"{text}_{index}.png"))
