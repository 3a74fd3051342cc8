"""OpenVINO engine: runs a SavedModel on the CPU without conversion."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference_service.engines.engine import (
    Images,
    Probabilities,
    check_output_shape,
    summarise_error,
)
from inference_service.errors import EngineError
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT


class OpenVinoEngine:
    """Runs a SavedModel on the CPU, one image per call of the library.

    Input: grey images, uint8 (N, height, width). Output: class probabilities, float32
    (N, length, classes).
    """

    name = "openvino"
    # Images run one after the other. A batch only shares the work around them, and the event loop
    # waits for it.
    preferred_batch_size = 8
    on_event_loop = True
    load_timeout_s = 20.0  # loading takes about 1 s

    def __init__(self, saved_model: Path, spec: CaptchaSpec) -> None:
        import openvino  # noqa: PLC0415 - only the CPU image contains it

        core = openvino.Core()
        try:
            model = core.read_model(saved_model)
            # Most captchas arrive alone, and a fixed batch of 1 lets the compiler plan all memory.
            model.reshape({SIGNATURE_INPUT: [1, spec.height, spec.width]})
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    # A small network runs no faster on several threads. More cores are used by
                    # more replicas.
                    "NUM_STREAMS": 1,
                    "INFERENCE_NUM_THREADS": 1,
                    # Pinning a thread costs two system calls per image.
                    "ENABLE_CPU_PINNING": False,
                    # Newer CPUs would use bfloat16, with slightly different probabilities.
                    "INFERENCE_PRECISION_HINT": "f32",
                },
            )
            shape = tuple(compiled.output(SIGNATURE_OUTPUT).shape)
        except RuntimeError as error:
            raise EngineError(summarise_error(error)) from error
        check_output_shape(shape[1:], spec)
        self._compiled = compiled
        self._shape = shape[1:]  # (length, classes)
        self._per_thread = threading.local()

    def predict(self, images: Images) -> Probabilities:
        """Return the class probabilities of each image."""
        run: _InferRequest | None = getattr(self._per_thread, "run", None)
        if run is None:
            run = self._per_thread.run = _InferRequest(self._compiled)
        probabilities = np.empty((len(images), *self._shape), np.float32)
        for i, image in enumerate(images):
            probabilities[i] = run(image)
        return probabilities


class _InferRequest:
    """One thread's inference request, with its input and output tensors bound once."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._input = self._request.get_input_tensor().data
        self._output = self._request.get_output_tensor().data

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return probabilities (length, classes), which the next call overwrites."""
        self._input[0] = image
        self._request.infer()
        output: npt.NDArray[np.float32] = self._output[0]
        return output
