"""Creates valid and invalid versions from version 1. Runs in the image of the trainer.

Each one is in /data/versions/<name>/1, from where a test copies it to the models volume.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.captchas.images import decode_image
from shared.captchas.labels import decode
from shared.versions.artifacts import (
    MANIFEST,
    SIGNATURE_INPUT,
    SIGNATURE_OUTPUT,
    publish,
    read_manifest,
)
from shared.versions.manifest import GoldenSample, ManifestDraft

SOURCE = Path("/models/captcha/1")
TARGET = Path("/data/versions")
# A tensor of this size exceeds the memory limit of a replica.
HUGE_SIDE = 30_000

manifest = read_manifest(SOURCE)
spec = manifest.captcha_spec
loaded = tf.saved_model.load(str(SOURCE))
signature = loaded.signatures["serving_default"]


def probabilities(images: Any) -> Any:
    """Return the output of version 1."""
    return signature(**{SIGNATURE_INPUT: images})[SIGNATURE_OUTPUT]


def huge(images: Any) -> Any:
    """Return the same with a constant of 3.6 GB, which the engine computes while it loads."""
    side = tf.cast(tf.shape(images)[1], tf.float32)
    sums = tf.math.cumsum(tf.fill([HUGE_SIDE, HUGE_SIDE], side), axis=1)
    return probabilities(images) + 0 * tf.reduce_min(sums)


def make(
    name: str, predict: Callable[[Any], Any], output: str = SIGNATURE_OUTPUT, **changes: Any
) -> None:
    """Create a version whose signature returns `predict(images)` under the name `output`."""
    draft = ManifestDraft(**{**manifest.model_dump(exclude={"files"}), **changes})
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(loaded)
        images = tf.TensorSpec((None, spec.height, spec.width), tf.uint8, name=SIGNATURE_INPUT)
        archive.add_endpoint("serve", lambda i: {output: predict(i)}, input_signature=[images])
        archive.write_out(folder, verbose=False)
        publish(Path(folder), TARGET / name, draft)


def rotated(images: Any) -> Any:
    """Return the output of version 1 with each character replaced by the next of the charset."""
    return tf.roll(probabilities(images), 1, axis=-1)


def rotated_golden() -> GoldenSample:
    """Return the golden sample with the prediction of `rotated`."""
    image = decode_image(base64.b64decode(manifest.golden.image), spec)
    output = np.asarray(rotated(tf.constant(image[np.newaxis])))[0]
    return GoldenSample(
        image=manifest.golden.image,
        text=decode(output.argmax(axis=1)[np.newaxis], spec)[0],
        probabilities=output.tolist(),
    )


shutil.rmtree(TARGET, ignore_errors=True)
make("plain", probabilities)
make("rotated", rotated, golden=rotated_golden())
make("nan", lambda images: probabilities(images) * np.nan)
make("signature", probabilities, output="scores")
make("shape", lambda images: probabilities(images)[:, :, 1:])
make("huge", huge)

flipped = TARGET / "flipped" / "1"
shutil.copytree(TARGET / "plain" / "1", flipped)
weights = next(flipped.glob("variables/variables.data-*"))
damaged = bytearray(weights.read_bytes())
damaged[len(damaged) // 2] ^= 1
weights.write_bytes(damaged)

without = TARGET / "manifest" / "1"
shutil.copytree(TARGET / "plain" / "1", without)
(without / MANIFEST).unlink()

half = TARGET / "half" / "1"
half.mkdir(parents=True)
shutil.copy(TARGET / "plain" / "1" / MANIFEST, half)

(TARGET / "empty" / "1").mkdir(parents=True)
