"""The interface of an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference_service.errors import EngineError
from shared.captchas.spec import CaptchaSpec

Images = npt.NDArray[np.uint8]
"""Grey images, uint8 (N, height, width)."""
Probabilities = npt.NDArray[np.float32]
"""Class probabilities, float32 (N, length, classes); each row over the classes sums to 1."""


class Engine(Protocol):
    """Runs one SavedModel; `predict` can be called from several threads at once.

    Input: grey images, uint8 (N, height, width) of the spec, 0 black to 255 white, any N >= 1.
    Output: class probabilities, float32 (N, length, classes) of the spec.
    """

    name: str
    """Value of the setting ENGINE."""
    preferred_batch_size: int
    """Larger batches hardly reduce the time per image."""
    on_event_loop: bool
    """Whether a captcha is predicted so fast that the event loop can wait for it."""
    load_timeout_s: float
    """More than a usable version needs to load, including the import of the library."""

    def predict(self, images: Images) -> Probabilities:
        """Return the class probabilities of each image."""
        ...


EngineLoader = Callable[[Path, CaptchaSpec], Engine]
"""Loads the SavedModel in a directory; raises EngineError if the engine cannot run it."""


def check_output_shape(shape: tuple[int, ...], spec: CaptchaSpec) -> None:
    """Compare the output of one image with the spec.

    Raises:
        EngineError: if the shapes differ.
    """
    expected = (spec.length, spec.classes)
    if shape != expected:
        raise EngineError(f"the model's output has shape {shape}, its spec requires {expected}")


def summarise_error(error: BaseException) -> str:
    """Return the type and the last line of a library's error; the first lines are a call stack."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else ''}"
