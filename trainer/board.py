"""What TensorBoard shows of a training: event files in its directory."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

log = logging.getLogger(__name__)


class Board:
    """Writes the figures of one training. One that is gone on with goes on in the same curves.

    If it cannot, for the disk is full, a line in the log: curves are not worth a training.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._writer: tf.summary.SummaryWriter | None = None
        self._broken = False

    def show_steps(self, step: int, loss: float, rate: float) -> None:
        """The mean loss of the last few steps, and the learning rate."""
        self._show(step, {"steps/loss": loss, "steps/learning_rate": rate})

    def show_pass(self, row: Mapping[str, float]) -> None:
        """The figures after a pass."""
        # A pass that was cut off comes after the last whole one.
        figures = {f"passes/{name}": value for name, value in row.items()}
        self._show(math.ceil(row["pass"]), figures, flush=True)

    def _show(self, step: int, figures: Mapping[str, float], flush: bool = False) -> None:
        if self._broken:
            return
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(self._directory)
            with self._writer.as_default(step=step):
                for name, value in figures.items():
                    tf.summary.scalar(name, value)
            if flush:
                self._writer.flush()
        except tf.errors.OpError as error:
            self._broken = True
            log.warning("no more curves for TensorBoard: %s", error.message)
