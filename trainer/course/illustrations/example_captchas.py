"""Captchas with chosen texts, and what the bundled model predicts for them."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.captchas.images import decode_image
from shared.captchas.restriction import Restriction, RestrictionError, predict_texts
from shared.captchas.spec import CaptchaSpec, SpecError
from shared.versions.artifacts import verify
from shared.versions.bundled_model import BUNDLED_DIR
from trainer.course.workspace import CourseWorkspace
from trainer.errors import TrainingError
from trainer.publishing.export import load_exported


@dataclass(frozen=True)
class ExampleCaptcha:
    """A captcha as the generator sends it.

    Attributes:
        text: its label.
        png: the file.
    """

    text: str
    png: bytes

    @property
    def colour(self) -> npt.NDArray[np.uint8]:
        """The pixels, uint8 (height, width, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.png)).convert("RGB"))


@dataclass(frozen=True)
class BundledPrediction:
    """What the bundled model predicts within the captchas of a spec.

    Attributes:
        text: the most likely text.
        confidence: the probability that the whole text is correct.
        character_confidences: of each character of the text.
        probabilities: float32 (length, characters), each row sums to 1.
    """

    text: str
    confidence: float
    character_confidences: list[float]
    probabilities: npt.NDArray[np.float32]


def choose_text(spec: CaptchaSpec, preferred: str) -> str:
    """Return a text of the slides, or one of the spec that depends on it if it is not possible."""
    try:
        spec.check_text(preferred)
    except SpecError:
        return "".join(random.Random(preferred).choices(spec.charset, k=spec.length))
    return preferred


def fetch_captcha(workspace: CourseWorkspace, preferred: str) -> ExampleCaptcha:
    """Fetch a captcha with the text of `choose_text`.

    Raises:
        GeneratorError: if it cannot be fetched.
    """
    spec = workspace.source.spec
    text = choose_text(spec, preferred)
    png = workspace.client.get(
        "/captcha.png", {"text": text, "seed": workspace.seed, "style": spec.style}
    )
    return ExampleCaptcha(text, png)


def predict_bundled(captchas: list[ExampleCaptcha], spec: CaptchaSpec) -> list[BundledPrediction]:
    """Return the predictions of the bundled model, restricted to the captchas of a spec.

    Args:
        captchas: captchas of the spec.
        spec: what a prediction can be.

    Raises:
        TrainingError: if the model does not know the characters or lengths of the spec.
        ArtifactError: if the model is damaged.
    """
    known = verify(BUNDLED_DIR).captcha_spec
    images = np.stack([decode_image(captcha.png, known) for captcha in captchas])
    probabilities = load_exported(BUNDLED_DIR)(images)
    try:
        predictions = predict_texts(probabilities, known, Restriction.from_spec(spec))
    except RestrictionError as error:
        raise TrainingError(
            f"the bundled model does not predict the captchas of the generator: {error};"
            " set CAPTCHA_CHARSET and CAPTCHA_LENGTH of the generator to what it knows"
        ) from error
    classes = [known.charset.index(character) for character in spec.charset]
    allowed = probabilities[:, : spec.length, classes]  # (N, length, characters)
    allowed /= np.maximum(allowed.sum(axis=2, keepdims=True), np.finfo(np.float32).tiny)
    return [
        BundledPrediction(text, float(confidence), [float(one) for one in characters], row)
        for text, confidence, characters, row in zip(
            predictions.texts,
            predictions.confidences,
            predictions.character_probabilities,
            allowed,
            strict=True,
        )
    ]
