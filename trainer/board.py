"""What TensorBoard shows of a training: event files in its directory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf


class Board:
    """Writes the figures of one training. One that is gone on with goes on in the same curves."""

    def __init__(self, directory: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(directory))

    def show_look(self, step: int, loss: float, rate: float) -> None:
        """The mean loss of the last few steps, and the learning rate."""
        with self._writer.as_default(step=step):
            tf.summary.scalar("steps/loss", loss)
            tf.summary.scalar("steps/learning_rate", rate)

    def show_pass(self, row: Mapping[str, float]) -> None:
        """The figures after a pass."""
        # A pass that was cut off comes after the last whole one.
        with self._writer.as_default(step=math.ceil(row["pass"])):
            for name, value in row.items():
                tf.summary.scalar(f"passes/{name}", value)
        self._writer.flush()
