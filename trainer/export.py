"""Keras model -> SavedModel that both engines read, and what proves it."""

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

from shared.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT, Golden
from shared.labels import best_indices, decode
from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.evaluation import Recogniser


def export(recogniser: keras.Model, spec: CaptchaSpec, directory: Path) -> None:
    """Writes a SavedModel: `images` uint8 (N, height, width) -> `probabilities` float32
    (N, length, classes). Raises OSError if the disk is full."""
    images = tf.TensorSpec((None, spec.height, spec.width), tf.uint8, name=SIGNATURE_INPUT)
    # OpenVINO finds the variables of a SavedModel written this way, not of a plain tf.Module's.
    archive = keras.export.ExportArchive()
    archive.track(recogniser)
    archive.add_endpoint(
        "serve",
        lambda images: {SIGNATURE_OUTPUT: recogniser(images, training=False)},
        input_signature=[images],
    )
    try:
        archive.write_out(str(directory), verbose=False)
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, f"the model cannot be written: {error.message}") from error


def load_exported(directory: Path) -> Recogniser:
    """The exported model as uint8 (N, height, width) -> float32 (N, length, classes)."""
    loaded = tf.saved_model.load(str(directory))
    signature = loaded.signatures["serving_default"]

    def recognise(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        # `loaded` must live as long as this function: the signature holds it only weakly.
        _ = loaded
        answer: npt.NDArray[np.float32] = signature(**{SIGNATURE_INPUT: tf.constant(images)})[
            SIGNATURE_OUTPUT
        ].numpy()
        return answer

    return recognise


def choose_golden(recognise: Recogniser, split: Split, spec: CaptchaSpec) -> Golden:
    """A captcha of the test set with the answer of the exported model."""
    image = split.images[0]
    probabilities = recognise(image[np.newaxis])[0]
    png = io.BytesIO()
    Image.fromarray(image).save(png, format="png")
    return Golden(
        image=base64.b64encode(png.getvalue()).decode("ascii"),
        text=decode(best_indices(probabilities[np.newaxis], spec), spec)[0],
        probabilities=[[float(p) for p in row] for row in probabilities],
    )
