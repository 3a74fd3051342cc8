"""SavedModel -> something that reads images: OpenVINO on CPU, TensorFlow on GPU, one interface.

Neither library is imported before its engine is asked for: an image holds only one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shared.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT
from shared.spec import CaptchaSpec

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


class EngineError(RuntimeError):
    """A SavedModel that the engine cannot run; the text says why."""


class Engine(Protocol):
    """Runs one model. Safe to call from several threads at once."""

    name: str

    def predict(self, images: Images) -> Probabilities:
        """Grey images uint8 (N, height, width) -> probabilities float32 (N, length, charset)."""
        ...


class OpenVinoEngine:
    """Reads the SavedModel as it is, no conversion, and runs it on CPU."""

    name = "openvino"

    def __init__(self, saved_model: Path, spec: CaptchaSpec, threads: int) -> None:
        import openvino  # noqa: PLC0415 - only the image for CPU has it

        core = openvino.Core()
        try:
            model = core.read_model(saved_model)
            # Captchas come one by one; a fixed batch of 1 lets the compiler plan all memory.
            model.reshape({SIGNATURE_INPUT: [1, spec.height, spec.width]})
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    # One thread per request: on a net this small, cores help by answering
                    # different requests.
                    "NUM_STREAMS": threads,
                    "INFERENCE_NUM_THREADS": threads,
                    # Newer CPUs would otherwise run bfloat16 and answer a little differently.
                    "INFERENCE_PRECISION_HINT": "f32",
                },
            )
            answered = tuple(compiled.output(SIGNATURE_OUTPUT).shape)
        except RuntimeError as error:
            raise EngineError(_first_line(error)) from error
        _check_answer(answered[1:], spec)
        self._compiled = compiled
        self._shape = answered[1:]
        self._per_thread = threading.local()

    def predict(self, images: Images) -> Probabilities:
        """As the interface says."""
        try:
            request: Any = self._per_thread.request
        except AttributeError:
            request = self._per_thread.request = self._compiled.create_infer_request()
        answers = np.empty((len(images), *self._shape), np.float32)
        for i, image in enumerate(images):
            answers[i] = request.infer({SIGNATURE_INPUT: image[np.newaxis]})[SIGNATURE_OUTPUT][0]
        return answers


class TensorFlowEngine:
    """Runs the SavedModel's serving signature, on a GPU if TensorFlow finds one."""

    name = "tensorflow"

    def __init__(self, saved_model: Path, spec: CaptchaSpec, threads: int) -> None:
        import tensorflow as tf  # noqa: PLC0415 - only the image for GPU has it

        # Newer GPUs would otherwise round to 10 bits and answer a little differently.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            loaded = tf.saved_model.load(str(saved_model))
            signature = loaded.signatures["serving_default"]
            given = signature.structured_input_signature[1][SIGNATURE_INPUT]
            if not given.shape.is_compatible_with((None, spec.height, spec.width)):
                raise EngineError(f"the model takes {given.shape}")
            answered = tuple(signature.structured_outputs[SIGNATURE_OUTPUT].shape)
            _check_answer(answered[1:], spec)
        except EngineError:
            raise
        except Exception as error:
            # TensorFlow's loader raises dozens of types; whichever, this model cannot be run.
            raise EngineError(_first_line(error)) from error
        self._tf = tf
        self._loaded = loaded  # the signature holds its variables only weakly
        self._signature = signature

    def predict(self, images: Images) -> Probabilities:
        """As the interface says."""
        answer = self._signature(**{SIGNATURE_INPUT: self._tf.constant(images)})
        probabilities: Probabilities = answer[SIGNATURE_OUTPUT].numpy()
        return probabilities


EngineLoader = Callable[..., Engine]

LOADERS: dict[str, EngineLoader] = {
    OpenVinoEngine.name: OpenVinoEngine,
    TensorFlowEngine.name: TensorFlowEngine,
}


def _check_answer(shape: tuple[int, ...], spec: CaptchaSpec) -> None:
    expected = (spec.length, len(spec.charset))
    if shape != expected:
        raise EngineError(f"the model answers {shape}, its spec asks for {expected}")


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else ''}"
