"""Loading of one model version: verify its files, create the engine, run the golden check."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference_service.engines import Engine, EngineLoader, Images
from inference_service.errors import EngineError, GoldenCheckError
from shared.captchas.images import decode_image
from shared.captchas.labels import best_indices, decode
from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import verify
from shared.versions.manifest import Manifest

Source = Literal["bundled", "volume"]
# Engines round differently; a different model differs by far more.
GOLDEN_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Prediction:
    """The predicted text of one image."""

    text: str
    confidences: npt.NDArray[np.float32]
    """Probability of each character among the allowed ones, float32 (len(text),)."""
    confidence: float
    """Probability that the text is correct; see `predict_texts`."""


@dataclass(frozen=True)
class LoadedModel:
    """A version that is ready to predict."""

    version: int
    spec: CaptchaSpec
    manifest: Manifest
    engine: Engine
    source: Source = "volume"

    def predict(self, images: Images, restrictions: Sequence[Restriction]) -> list[Prediction]:
        """Return one prediction per image.

        Args:
            images: grey, uint8 (N, height, width).
            restrictions: what the text of each image can be.
        """
        probabilities = self.engine.predict(images)  # (N, length, classes)
        rows_by_restriction: dict[Restriction, list[int]] = {}
        for row, restriction in enumerate(restrictions):
            rows_by_restriction.setdefault(restriction, []).append(row)
        predictions: dict[int, Prediction] = {}
        for restriction, rows in rows_by_restriction.items():
            is_whole = len(rows) == len(images)
            part = probabilities if is_whole else probabilities[rows]
            found = predict_texts(part, self.spec, restriction)
            values = zip(
                found.texts,
                found.character_probabilities,
                found.confidences.tolist(),
                strict=True,
            )
            predictions |= zip(rows, (Prediction(*value) for value in values), strict=True)
        return [predictions[row] for row in range(len(images))]


def load_version(
    directory: Path, load_engine: EngineLoader, source: Source = "volume"
) -> LoadedModel:
    """Load the version in a directory whose name is the version number.

    Args:
        directory: `<models>/captcha/<version>`.
        load_engine: creates the engine.
        source: where the version comes from.

    Raises:
        ArtifactError: if the files are incomplete or damaged.
        ModelError: if the engine cannot run the model or fails the golden check.
    """
    manifest = verify(directory)
    spec = manifest.captcha_spec
    engine = load_engine(directory, spec)
    _check_golden_sample(engine, manifest, spec)
    return LoadedModel(int(directory.name), spec, manifest, engine, source)


def _check_golden_sample(engine: Engine, manifest: Manifest, spec: CaptchaSpec) -> None:
    """Warm the engine up with the golden sample and compare it with the trainer's prediction."""
    golden = manifest.golden
    try:
        expected = np.array(golden.probabilities, np.float32)
        image = decode_image(base64.b64decode(golden.image), spec)
    except ValueError as error:
        raise GoldenCheckError(f"the golden sample is invalid: {error}") from error
    try:
        actual = engine.predict(image[np.newaxis])[0]
    except Exception as error:
        raise EngineError(f"predicting the golden sample failed: {error}") from error
    if actual.shape != expected.shape:
        raise GoldenCheckError(
            f"the probabilities of the golden sample have shape {expected.shape},"
            f" the model's have {actual.shape}"
        )
    text = decode(best_indices(np.nan_to_num(actual)[np.newaxis], spec), spec)[0]
    difference = np.abs(actual - expected).max()
    # Written so that NaN fails too.
    if not difference <= GOLDEN_TOLERANCE or text != golden.text:
        raise GoldenCheckError(
            f"the golden sample was predicted as {text!r}, the trainer predicted {golden.text!r}"
            f" (probabilities differ by up to {difference:.2g})"
        )
