"""Makes versions out of version 1, good and broken. Runs inside the trainer's image.

Each lies complete in /data/versions/<name>/1, to be copied to where replicas look.
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

from shared.artifacts import (
    MANIFEST,
    SIGNATURE_INPUT,
    SIGNATURE_OUTPUT,
    Golden,
    ManifestDraft,
    publish,
    read_manifest,
)
from shared.images import decode_image
from shared.labels import decode

SOURCE = Path("/models/captcha/1")
TARGET = Path("/data/versions")
# More than a replica may have, in one tensor.
HUGE_SIDE = 30_000

manifest = read_manifest(SOURCE)
spec = manifest.captcha_spec
loaded = tf.saved_model.load(str(SOURCE))
signature = loaded.signatures["serving_default"]


def probabilities(images: Any) -> Any:
    """What version 1 answers."""
    return signature(**{SIGNATURE_INPUT: images})[SIGNATURE_OUTPUT]


def huge(images: Any) -> Any:
    """The same, by way of 3.6 GB that the loader computes in advance."""
    side = tf.cast(tf.shape(images)[1], tf.float32)
    sums = tf.math.cumsum(tf.fill([HUGE_SIDE, HUGE_SIDE], side), axis=1)
    return probabilities(images) + 0 * tf.reduce_min(sums)


def make(
    name: str, answer: Callable[[Any], Any], output: str = SIGNATURE_OUTPUT, **changes: Any
) -> None:
    """A version whose signature answers `answer(images)` under the name `output`."""
    draft = ManifestDraft(**{**manifest.model_dump(exclude={"files"}), **changes})
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(loaded)
        images = tf.TensorSpec((None, spec.height, spec.width), tf.uint8, name=SIGNATURE_INPUT)
        archive.add_endpoint("serve", lambda i: {output: answer(i)}, input_signature=[images])
        archive.write_out(folder, verbose=False)
        publish(Path(folder), TARGET / name, draft)


def turned(images: Any) -> Any:
    """Every character read as the next one of the charset."""
    return tf.roll(probabilities(images), 1, axis=-1)


def turned_golden() -> Golden:
    """The golden captcha as `turned` reads it."""
    image = decode_image(base64.b64decode(manifest.golden.image), spec)
    answer = np.asarray(turned(tf.constant(image[np.newaxis])))[0]
    return Golden(
        image=manifest.golden.image,
        text=decode(answer.argmax(axis=1)[np.newaxis], spec)[0],
        probabilities=answer.tolist(),
    )


shutil.rmtree(TARGET, ignore_errors=True)
make("plain", probabilities)
make("turned", turned, golden=turned_golden())
make("nan", lambda images: probabilities(images) * np.nan)
make("signature", probabilities, output="scores")
make("spec", probabilities, spec={**manifest.spec, "length": spec.length + 1})
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
