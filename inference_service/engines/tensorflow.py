"""TensorFlow engine: runs a SavedModel on a GPU if there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_service.engines.engine import (
    Images,
    Probabilities,
    check_output_shape,
    summarise_error,
)
from inference_service.errors import EngineError
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT


class TensorFlowEngine:
    """Runs the serving signature of a SavedModel, a batch per call.

    Input: grey images, uint8 (N, height, width). Output: class probabilities, float32
    (N, length, classes). Batches are padded to a power of two, because a GPU selects its kernels
    for each new batch size.
    """

    name = "tensorflow"
    preferred_batch_size = 32
    # The event loop receives the next captchas while the GPU works.
    on_event_loop = False
    load_timeout_s = 120.0  # the import alone takes up to 20 s on two busy cores

    def __init__(self, saved_model: Path, spec: CaptchaSpec) -> None:
        import tensorflow as tf  # noqa: PLC0415 - only the GPU image contains it

        # Newer GPUs would round to 10 bits, with slightly different probabilities.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            loaded = tf.saved_model.load(str(saved_model))
            signature = loaded.signatures["serving_default"]
            expected = signature.structured_input_signature[1][SIGNATURE_INPUT]
            if not expected.shape.is_compatible_with((None, spec.height, spec.width)):
                raise EngineError(
                    f"the model's input has shape {expected.shape}, its spec requires"
                    f" (N, {spec.height}, {spec.width})"
                )
            output = signature.structured_outputs[SIGNATURE_OUTPUT]
            check_output_shape(tuple(output.shape)[1:], spec)
        except EngineError:
            raise
        except Exception as error:
            # TensorFlow's loader raises dozens of types.
            raise EngineError(summarise_error(error)) from error
        self._tf = tf
        self._loaded = loaded  # the signature holds only weak references to its variables
        self._signature = signature
        # Select the kernels for each batch size now instead of in a request.
        for size in _powers_of_two(self.preferred_batch_size):
            self.predict(np.zeros((size, spec.height, spec.width), np.uint8))

    def predict(self, images: Images) -> Probabilities:
        """Return the class probabilities of each image."""
        count = len(images)
        padding = _powers_of_two(count)[-1] - count
        padded = np.pad(images, ((0, padding), (0, 0), (0, 0))) if padding else images
        outputs = self._signature(**{SIGNATURE_INPUT: self._tf.constant(padded)})
        probabilities: Probabilities = outputs[SIGNATURE_OUTPUT].numpy()[:count]
        return probabilities


def _powers_of_two(count: int) -> list[int]:
    """Return 1, 2, 4, ... up to the first that is at least `count`."""
    return [1 << exponent for exponent in range((count - 1).bit_length() + 1)]
