"""Options of the synthetic style: how strong each effect can be."""

from __future__ import annotations

import random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SyntheticOptions(BaseModel):
    """Limits of the effects. Each captcha draws its own strength of each effect.

    Attributes:
        max_rotation_deg: rotation of a character to either side, in degrees.
        max_overlap: overlap of neighbouring characters, as a fraction of the font size.
        max_lines: straight lines; there are up to half as many curves and as many shapes.
        max_dots: noise dots.
        max_noise: standard deviation of the noise, in grey levels.
        max_warp: amplitude of the sine warp, as a fraction of the image height.
        inverted_fraction: fraction of captchas with light text on a dark background.
    """

    model_config = ConfigDict(frozen=True)

    max_rotation_deg: Annotated[float, Field(ge=0, le=90)] = 35.0
    max_overlap: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    max_lines: Annotated[int, Field(ge=0, le=50)] = 6
    max_dots: Annotated[int, Field(ge=0, le=2_000)] = 150
    max_noise: Annotated[float, Field(ge=0, le=128)] = 30.0
    max_warp: Annotated[float, Field(ge=0, le=0.3)] = 0.07
    inverted_fraction: Annotated[float, Field(ge=0, le=1)] = 0.2


def draw_strength(rng: random.Random, limit: float) -> float:
    """Return 0 half of the time, otherwise a number up to the limit."""
    return rng.random() * limit if rng.random() < 0.5 else 0.0
