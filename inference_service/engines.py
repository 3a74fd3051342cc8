"""SavedModel -> something that reads images: OpenVINO on CPU, TensorFlow on GPU, one interface.

Neither library is imported before its engine is asked for: an image holds only one of them.
"""

from __future__ import annotations

import threading
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
    preferred_batch: int
    """Images in one call from which on more hardly make each of them faster."""
    batch_delay_s: float
    """How long waiting for more images is worth it."""
    load_timeout_s: float
    """Longer than any good version takes to load, the library's import included."""

    def predict(self, images: Images) -> Probabilities:
        """Grey images uint8 (N, height, width) -> probabilities float32 (N, length, classes)."""
        ...


class OpenVinoEngine:
    """Reads the SavedModel as it is, no conversion, and runs it on CPU."""

    name = "openvino"
    # It runs one image after the other: what a batch saves is ways between threads.
    preferred_batch = 8
    batch_delay_s = 0.0
    load_timeout_s = 20.0  # it takes a second

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
                    # Pinning a thread costs two system calls for every image.
                    "ENABLE_CPU_PINNING": False,
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
        run: _OneImage | None = getattr(self._per_thread, "run", None)
        if run is None:
            run = self._per_thread.run = _OneImage(self._compiled)
        answers = np.empty((len(images), *self._shape), np.float32)
        for i, image in enumerate(images):
            answers[i] = run(image)
        return answers


class _OneImage:
    """One thread's request to a compiled model, with its input and output bound once."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._input = self._request.get_input_tensor().data
        self._output = self._request.get_output_tensor().data

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self._input[0] = image
        self._request.infer()
        # The next call overwrites it.
        output: npt.NDArray[np.float32] = self._output[0]
        return output


class TensorFlowEngine:
    """Runs the SavedModel's serving signature, on a GPU if TensorFlow finds one."""

    name = "tensorflow"
    preferred_batch = 32
    batch_delay_s = 0.002
    load_timeout_s = 120.0  # the import alone takes up to 20 on two busy cores

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
        # A GPU chooses its kernels when it first meets a size: better now than in a request.
        for count in _powers_of_two(self.preferred_batch):
            self.predict(np.zeros((count, spec.height, spec.width), np.uint8))

    def predict(self, images: Images) -> Probabilities:
        """As the interface says."""
        count = len(images)
        missing = _powers_of_two(count)[-1] - count
        filled = np.pad(images, ((0, missing), (0, 0), (0, 0))) if missing else images
        answer = self._signature(**{SIGNATURE_INPUT: self._tf.constant(filled)})
        probabilities: Probabilities = answer[SIGNATURE_OUTPUT].numpy()[:count]
        return probabilities


LOADERS: dict[str, type[OpenVinoEngine] | type[TensorFlowEngine]] = {
    engine.name: engine for engine in (OpenVinoEngine, TensorFlowEngine)
}


def _powers_of_two(count: int) -> list[int]:
    """1, 2, 4, ... up to the first that is at least `count`."""
    return [1 << exponent for exponent in range((count - 1).bit_length() + 1)]


def _check_answer(shape: tuple[int, ...], spec: CaptchaSpec) -> None:
    expected = (spec.length, spec.classes)
    if shape != expected:
        raise EngineError(f"the model answers {shape}, its spec asks for {expected}")


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else ''}"
