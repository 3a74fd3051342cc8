"""Options of the synthetic style: how strong each effect can be."""

from __future__ import annotations

import random
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.settings import EnvironmentSettings

Fraction = Annotated[float, Field(ge=0, le=1)]


class SyntheticOptions(EnvironmentSettings, frozen=True):
    """Limits of the effects. Each captcha draws its own values, and omits each effect half the time.

    A field is read from the variable `SYNTHETIC_<FIELD>`.
    """

    model_config = SettingsConfigDict(env_prefix="SYNTHETIC_")

    # NoDecode: pydantic-settings would otherwise expect JSON.
    fonts: Annotated[tuple[str, ...], NoDecode] = ()
    """Font files or directories; empty means the bundled fonts."""
    fonts_per_captcha: int = Field(4, ge=1, le=16)
    min_size: Annotated[float, Field(ge=0.2, le=1)] = 0.45
    """Smallest font size as a fraction of the image height."""
    max_size: Annotated[float, Field(ge=0.2, le=1)] = 0.95
    max_rotation_deg: Annotated[float, Field(ge=0, le=90)] = 35.0
    """Rotation of each character to either side."""
    max_shear: Fraction = 0.35
    max_overlap: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    """Overlap of neighbouring characters, as a fraction of the font size."""
    max_spacing: Fraction = 0.4
    """Space between characters, as a fraction of the font size."""
    max_lines: int = Field(6, ge=0, le=50)
    """Straight lines, and as many curves, dashes and shapes together."""
    max_dots: int = Field(150, ge=0, le=2_000)
    max_noise: Annotated[float, Field(ge=0, le=128)] = 30.0
    """Standard deviation of the noise in grey levels."""
    max_warp: Annotated[float, Field(ge=0, le=0.3)] = 0.07
    """Amplitude of the sine warp as a fraction of the height."""
    max_blur_px: Annotated[float, Field(ge=0, le=5)] = 1.0
    inverted_fraction: Fraction = 0.2
    """Fraction of captchas with light text on a dark background."""
    outline_fraction: Fraction = 0.07
    """Fraction of captchas that show the outlines of the characters only."""
    resized_fraction: Fraction = 0.35
    """Fraction of captchas that are drawn in another size and resized or padded."""

    @field_validator("fonts", mode="before")
    @classmethod
    def _split_fonts(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value


def draw_strength(rng: random.Random, limit: float) -> float:
    """Return 0 half of the time, otherwise a number up to the limit."""
    return rng.random() * limit if rng.random() < 0.5 else 0.0
