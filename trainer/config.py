"""The hyperparameters of a training, and the presets that set them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.captchas.spec import MAX_SIDE_PX, MIN_SIDE_PX, Style

PRESETS_DIR = Path(__file__).parent / "presets"

NetworkName = Literal["compact", "medium", "wide", "course", "alexnet", "vgg"]
SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")
# Below this number of captchas the confidence interval of an accuracy is too wide to be useful.
MIN_EVALUATED = 100
# With this many validation captchas the target accuracy is rarely reached by chance.
MIN_TARGET_EVALUATED = 5_000
ADDITIONAL_CAPTCHAS = ("synthetic_captchas", "other_size_captchas")
"""Fields with the numbers of captchas that a training adds to `captchas`."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Shift = Annotated[int, Field(ge=0, lt=MIN_SIDE_PX)]
Side = Annotated[int, Field(ge=MIN_SIDE_PX, le=MAX_SIDE_PX)]


class TrainingConfig(BaseModel):
    """Everything that determines how a recogniser is trained. It is stored in the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: NetworkName = "medium"
    init: Literal["bundled", "scratch"] = "bundled"
    """Initial weights: those of the bundled model, or random ones."""
    captchas: int = Field(40_000, ge=0)
    """Training captchas from the generator; 0 to train on an image folder alone."""
    styles: tuple[Style, ...] = ("current", "classic")
    """Rendering styles, in equal parts; see `choose_styles` for generators of another style."""
    synthetic_captchas: int = Field(0, ge=0)
    """Additional training captchas of the synthetic style."""
    other_size_captchas: int = Field(0, ge=0)
    """Additional training captchas of `other_sizes`, scaled to the size of the spec."""
    other_sizes: tuple[tuple[Side, Side], ...] = Field(
        ((120, 50), (128, 64), (200, 80), (240, 80)), min_length=1
    )
    """Widths and heights in pixels. The library does not scale its characters to the image."""
    non_captcha_fraction: float = Field(0.03, ge=0, le=0.5)
    """Fraction of each epoch that shows no captcha; the model learns a low confidence for it."""
    folder_epoch_captchas: int = Field(40_000, ge=1)
    """An image folder alone is repeated until an epoch has about this many captchas."""
    validation_captchas: int = Field(5_000, ge=MIN_EVALUATED)
    test_captchas: int = Field(10_000, ge=MIN_EVALUATED)
    seed: int = Field(1, ge=0, lt=2**31)
    """Determines the captchas, their order, the augmentation and the initial weights."""
    epochs: int = Field(2, ge=1)
    batch_size: int = Field(64, ge=1, le=1_024)
    loss: Literal["categorical_crossentropy", "binary_crossentropy"] = "categorical_crossentropy"
    optimizer: Literal["adamw", "muon", "adam"] = "adamw"
    learning_rate: float = Field(0.001, gt=0, le=10)
    """The peak of `cosine`, the value of `constant`, the initial value of `adaptive`."""
    schedule: Literal["cosine", "constant", "adaptive"] = "cosine"
    """`cosine`: linear warm-up over 10 % of the steps, then cosine decay to 1 %. `adaptive`: rules
    change the rate at a plateau, an oscillation or an explosion of the loss."""
    weight_decay: Fraction = 0.01
    """Of adamw and muon."""
    max_shift_x_px: Shift = 4
    """Training captchas are shifted left or right by up to this many pixels."""
    max_shift_y_px: Shift = 1
    """Up or down. The vertical position of a character reveals its font size, which distinguishes 0
    from O."""
    augment_fraction: Fraction = 0.1
    """Fraction of batches that are augmented: scale, shear, stroke width and contrast."""
    hard_example_fraction: Fraction = 0.0
    """Fraction of the regular captchas of an epoch that are sampled by the error rates of their
    characters. Regular are those that are neither confusable nor non-captchas."""
    confusable_fraction: Fraction = 0.25
    """Fraction of `captchas` with the characters of one confusable set only; 0 if the charset
    contains no set."""
    confusable_sets: tuple[str, ...] = ("0O", "Vv", "Xx", "Zz")
    """Sets of confusable characters. A set is skipped unless the charset contains all of it."""
    tta_views: int = Field(1, ge=1, le=3)
    """Views per prediction of the published model (test-time augmentation)."""
    initial_weights_fraction: Fraction = 0.0
    """Weight of the initial weights in their mean with the trained ones, which is published."""
    target_accuracy: Fraction = 0.0
    """Stop at this validation accuracy; 0 to disable."""
    patience: int = Field(0, ge=0)
    """Stop after this many epochs without a better validation accuracy; 0 to disable."""
    max_minutes: float = Field(0.0, ge=0)
    """Stop after this time; 0 to disable."""
    min_accuracy: Fraction = 0.0
    """Test accuracy that a version needs to be published; 0 to disable."""
    publish_worse: bool = False
    """Publish a version even if it is less accurate than the best one for the same captchas."""

    @field_validator("styles", mode="after")
    @classmethod
    def _check_styles(cls, styles: tuple[Style, ...]) -> tuple[Style, ...]:
        if not styles or len(set(styles)) != len(styles):
            raise ValueError("Input should list at least one style, each once")
        return styles

    @field_validator("confusable_sets", mode="after")
    @classmethod
    def _check_confusable_sets(cls, sets: tuple[str, ...]) -> tuple[str, ...]:
        if not all(len(set(one)) == len(one) > 1 for one in sets) or len(set(sets)) != len(sets):
            raise ValueError(
                "Input should list sets of two or more different characters, each once"
            )
        return sets

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.initial_weights_fraction and self.init == "scratch":
            raise ValueError("initial_weights_fraction must be 0 if init is scratch")
        if self.captchas == 0:
            for name in ADDITIONAL_CAPTCHAS:
                if getattr(self, name):
                    raise ValueError(f"{name} must be 0 if captchas is 0")
            return self
        if self.batch_size > self.captchas:
            raise ValueError(
                f"batch_size ({self.batch_size}) must not exceed captchas ({self.captchas})"
            )
        if self.target_accuracy and self.validation_captchas < MIN_TARGET_EVALUATED:
            raise ValueError(
                f"target_accuracy needs at least {MIN_TARGET_EVALUATED} validation_captchas,"
                f" not {self.validation_captchas}"
            )
        return self

    def confusable_sets_in(self, charset: str) -> tuple[str, ...]:
        """Return the sets whose characters are all in a charset."""
        return tuple(one for one in self.confusable_sets if set(one) <= set(charset))

    def choose_styles(self, style: Style) -> tuple[Style, ...]:
        """Return the styles to train on, given that of the generator.

        A model predicts the captchas of the generator, so it is trained on their style in any case:
        on that style alone if `styles` does not contain it.
        """
        return self.styles if style in self.styles else (style,)


def derive_split_seed(seed: int, split: SplitName) -> int:
    """Return the dataset seed of a split. Different seeds never give the same captchas."""
    return 3 * seed + SPLIT_NAMES.index(split)


def list_presets() -> list[str]:
    """Return the names of the built-in presets."""
    return sorted(path.stem for path in PRESETS_DIR.glob("*.toml"))


def read_preset(preset: str) -> dict[str, Any]:
    """Return the hyperparameters that a preset sets.

    Args:
        preset: the name of a built-in preset, or the path of a TOML file.

    Raises:
        ValueError: if there is no such preset or it is not TOML.
    """
    is_path = preset.endswith(".toml")
    path = Path(preset) if is_path else PRESETS_DIR / f"{preset}.toml"
    if not is_path and preset not in list_presets():
        raise ValueError(
            f"Input should be one of {', '.join(list_presets())} or the path of a .toml file"
        )
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"the preset {path} cannot be read ({error})") from error
