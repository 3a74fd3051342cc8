"""Where a step of the course finds its captchas and writes its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.data.dataset_requests import CaptchaSource
from trainer.data.generator_client import GeneratorClient

SizeName = Literal["tiny", "small", "full"]
"""`tiny` for tests, `small` for `make course`, `full` for the sizes of the course."""


@dataclass(frozen=True)
class CourseWorkspace:
    """What every step gets.

    Attributes:
        directory: `course` on the data volume; each step writes to a directory of its own name.
        client: fetches captchas, and keeps them on the data volume.
        source: what the generator renders.
        size: how much is rendered and trained.
        seed: determines captchas and initial weights.
    """

    directory: Path
    client: GeneratorClient
    source: CaptchaSource
    size: SizeName = "small"
    seed: int = 1

    def step_directory(self, step: str) -> Path:
        """Return the directory of a step, created."""
        path = self.directory / step
        path.mkdir(parents=True, exist_ok=True)
        return path

    def describe_command(self, step: str) -> str:
        """Return the command that writes the files of a step, for the small print of figures."""
        size = "" if self.size == "small" else f" --size {self.size}"
        return f"docker compose run --rm trainer course {step}{size}"
