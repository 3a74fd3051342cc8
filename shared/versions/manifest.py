"""The manifest of a model version: what it predicts, how it was trained and how accurate it is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.captchas.spec import CaptchaSpec

IMAGE_FOLDER_KEY = "image_folder"
"""Key of `renderer` in versions that were trained without a generator."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Frozen):
    """Checksum and size of a file of the version."""

    sha256: str
    size_bytes: int


class GoldenSample(_Frozen):
    """A test captcha and the trainer's prediction for it, which every engine must reproduce."""

    image: str
    """PNG in base64."""
    text: str
    """The predicted text."""
    probabilities: list[list[float]]
    """(length, classes); each row sums to 1."""


class Accuracy(_Frozen):
    """Exact-match accuracy on captchas that were not trained on."""

    accuracy: float
    """Fraction of captchas with every character correct, 0 to 1."""
    accuracy_interval_95: tuple[float, float]
    """Wilson interval."""
    n: int
    """Number of captchas."""


class Confusion(_Frozen):
    """How often a character was predicted as another one."""

    truth: str
    predicted: str
    count: int


class ReliabilityBin(_Frozen):
    """Predictions of similar confidence."""

    confidence: float
    """Mean confidence."""
    accuracy: float
    """Fraction that is correct."""
    n: int


class Calibration(_Frozen):
    """How well the confidence of whole captchas matches their accuracy."""

    temperature: float
    """Fitted on the validation set; the logits of the model are divided by it."""
    expected_calibration_error: float
    """Mean distance of confidence and accuracy over the bins, weighted by n."""
    bins: list[ReliabilityBin]


class Comparison(_Frozen):
    """A paired comparison with the best earlier version for the same captchas."""

    reference_version: int
    """0 is the bundled model."""
    reference_accuracy: float
    gained: int
    """Test captchas that only the new version predicts correctly."""
    lost: int
    """Test captchas that only the reference predicts correctly."""
    n: int
    difference: float
    """Accuracy minus that of the reference."""
    lower_bound_95: float
    """One-sided."""


class Metrics(Accuracy):
    """What was measured on the test set, and the cost of the training."""

    by_subset: dict[str, Accuracy]
    """For each rendering style and for the image folder."""
    character_accuracy: float
    most_confused: list[Confusion]
    parameters: int
    training_s: float
    images_per_s: float
    """Images per second of training, with its validations."""
    epochs: float
    """Completed epochs; a fraction if the last one was cut off by the time limit."""
    stop_reason: str
    calibration: Calibration | None = None
    """None in versions of format 2."""
    comparison: Comparison | None = None
    """None if there was no version to compare with."""


class ManifestDraft(_Frozen):
    """The part of a manifest that is known before the version is published."""

    format: Literal[2, 3] = 3
    created: str
    """UTC, ISO 8601."""
    training_fingerprint: str
    """Equal for trainings that would produce the same model."""
    spec: dict[str, Any]
    renderer: dict[str, Any]
    """Versions of the rendering libraries and digests of the fonts."""
    config: dict[str, Any]
    """Hyperparameters."""
    metrics: Metrics
    libraries: dict[str, str]
    golden: GoldenSample

    @property
    def captcha_spec(self) -> CaptchaSpec:
        """The captchas that the model predicts.

        Raises:
            SpecError: if the spec is invalid.
        """
        return CaptchaSpec.from_dict(self.spec)

    @property
    def is_image_folder(self) -> bool:
        """Whether the model was trained on an image folder alone."""
        return IMAGE_FOLDER_KEY in self.renderer

    def is_for(self, spec: CaptchaSpec, is_image_folder: bool) -> bool:
        """Return whether the model was trained for these captchas, from the same kind of source."""
        return self.captcha_spec == spec and self.is_image_folder == is_image_folder


class Manifest(ManifestDraft):
    """A draft with the checksum of every other file of the version."""

    files: dict[str, FileRecord]
