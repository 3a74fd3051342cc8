"""The results of an audit: all numbers of the report, and the JSON document of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.versions.manifest import Accuracy

Init = Literal["bundled", "scratch"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Setting(_Frozen):
    """The captchas that were audited."""

    name: str
    """Name of the report and of its directory."""
    spec: dict[str, Any]
    """Charset, length, size, style and effects; of an image folder, as inferred from it."""
    image_folder: str | None
    """Name of the folder of labelled images, or None if the generator rendered the captchas."""
    labelled_images: int | None
    """Number of different images in the folder."""
    renderer: dict[str, Any]
    """Versions of the rendering libraries; empty for an image folder."""


class CurvePoint(_Frozen):
    """The attacker's accuracy after training on a number of labelled images."""

    labels: int
    unlabelled: int = 0
    """Images without labels that it trained itself on."""
    init: Init
    """Initial weights: the bundled model, or random ones."""
    accuracy: Accuracy
    steps: int
    """Training steps; 0 without training."""
    train_cpu_s: float
    """CPU seconds of the training."""


class ImagesNeeded(_Frozen):
    """Labelled images that the attacker needs for a success rate."""

    rate: float
    init: Init
    images: int | None
    """Interpolated on the curve; 0 if no labels are needed, None if the audit did not reach it."""


class AttackCost(_Frozen):
    """What an attack costs on one core, with the most accurate attacker of the audit."""

    labels: int
    unlabelled: int = 0
    """Images without labels that it trained itself on."""
    init: Init
    train_cpu_minutes: float
    ms_per_attempt: float
    """One prediction, without network and without the captcha's own delays."""
    attempts_per_hour: float
    successes_per_hour: float


class CharacterResult(_Frozen):
    """How often a character is predicted correctly."""

    character: str
    accuracy: float
    n: int


class PositionResult(_Frozen):
    """How often the character at a position is predicted correctly."""

    position: int
    """From 1."""
    accuracy: float
    n: int


class ConfusedPair(_Frozen):
    """How often a character was predicted as another one."""

    truth: str
    predicted: str
    """Empty if the text was predicted to end before this character."""
    count: int
    fraction: float
    """Of all occurrences of `truth`."""


class GalleryImage(_Frozen):
    """A test captcha with the attacker's prediction."""

    image: str
    """PNG in base64."""
    label: str
    prediction: str
    confidence: float


class Legibility(_Frozen):
    """An estimate of the legibility to people, 0 to 1; legibility/ describes it."""

    estimate: float
    """Mean over the captchas."""
    lowest_tenth: float
    """Tenth percentile over the captchas."""
    n: int


class ProtectionEffect(_Frozen):
    """The captchas with one protection changed."""

    protection: str
    """Name of the effect, such as `noise_curves`."""
    change: Literal["off", "doubled"]
    value: Any
    """The changed value."""
    without_labels: Accuracy
    with_labels: Accuracy
    labels: int
    """Labelled images behind `with_labels`."""
    cost_points: float
    """Accuracy of the attacker with labels on the unchanged captchas minus that on these, in
    percentage points: positive if the change costs the attacker something."""
    legibility: Legibility | None


class Verdict(_Frozen):
    """The answer for someone who is no specialist."""

    level: Literal["broken", "weak", "resistant_to_this_attacker", "not_legible"]
    summary: str
    """One sentence."""
    paragraph: str


class AuditResults(_Frozen):
    """Everything that an audit measured."""

    results_version: Literal[1] = 1
    """It changes when a field changes its meaning or disappears."""
    created_at: str
    """ISO 8601, UTC."""
    command: str
    mode: Literal["quick", "default", "thorough"]
    seed: int
    seconds: float
    setting: Setting
    network: str
    parameters: int
    test_captchas: int
    curve: tuple[CurvePoint, ...]
    images_needed: tuple[ImagesNeeded, ...]
    cost: AttackCost
    characters: tuple[CharacterResult, ...]
    positions: tuple[PositionResult, ...]
    pairs: tuple[ConfusedPair, ...]
    hardest: tuple[GalleryImage, ...]
    easiest: tuple[GalleryImage, ...]
    samples: tuple[GalleryImage, ...]
    """Captchas at random."""
    legibility: Legibility | None
    """None for an image folder, whose clean text is not known."""
    protections: tuple[ProtectionEffect, ...]
    """Empty for an image folder."""
    warnings: tuple[str, ...]
    verdict: Verdict
    fail_above: str | None
    """The limit RATE@IMAGES, as given."""
    is_above_limit: bool | None
    versions: dict[str, str]
    """Of the libraries."""
