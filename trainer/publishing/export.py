"""Export of a Keras model as a SavedModel that both inference engines run."""

from __future__ import annotations

import base64
import errno
import io
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from shared.captchas.labels import best_indices, decode
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT
from shared.versions.manifest import GoldenSample
from trainer.data.splits import Split
from trainer.evaluation.accuracy import Predict
from trainer.networks.tta import remove_test_time_augmentation

KERAS_MODEL = "model.keras"


def export(model: keras.Model, spec: CaptchaSpec, directory: Path) -> None:
    """Write a SavedModel.

    Its signature is `images` uint8 (N, height, width) -> `probabilities` float32
    (N, length, classes).

    Raises:
        OSError: if the disk is full.
    """
    images = tf.TensorSpec((None, spec.height, spec.width), tf.uint8, name=SIGNATURE_INPUT)
    # OpenVINO finds the variables of an ExportArchive, but not those of a plain tf.Module.
    # add_endpoint finds the variables of the model; track would store them once more.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serve",
        lambda images: {SIGNATURE_OUTPUT: model(images, training=False)},
        input_signature=[images],
    )
    try:
        archive.write_out(str(directory), verbose=False)
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, f"the model cannot be written: {error.message}") from error


def save_keras_model(model: keras.Model, directory: Path) -> None:
    """Write KERAS_MODEL, which `keras.models.load_model` reads, for training it further.

    It has the weights of the SavedModel, with the temperature, and predicts from one view. The
    state of the optimizer is left out.

    Raises:
        OSError: if the disk is full.
    """
    model = remove_test_time_augmentation(model)
    # A model of the same layers that was never compiled, so without an optimizer.
    keras.Model(model.inputs, model.outputs, name=model.name).save(directory / KERAS_MODEL)


def load_exported(directory: Path) -> Predict:
    """Return the prediction function of a SavedModel."""
    loaded = tf.saved_model.load(str(directory))
    signature = loaded.signatures["serving_default"]

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        _ = loaded  # the signature holds only a weak reference to it
        outputs = signature(**{SIGNATURE_INPUT: tf.constant(images)})
        probabilities: npt.NDArray[np.float32] = outputs[SIGNATURE_OUTPUT].numpy()
        return probabilities

    return predict


def build_golden_sample(predict: Predict, split: Split) -> GoldenSample:
    """Return the first captcha of a split with the prediction of the exported model."""
    images = split.images[:1]
    probabilities = predict(images)
    png = io.BytesIO()
    Image.fromarray(images[0]).save(png, format="png")
    return GoldenSample(
        image=base64.b64encode(png.getvalue()).decode("ascii"),
        text=decode(best_indices(probabilities, split.spec), split.spec)[0],
        probabilities=probabilities[0].tolist(),
    )
