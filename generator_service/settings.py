"""Settings of the generator service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from generator_service.rendering.named_fonts import FONT_DIRECTORY
from generator_service.synthetic.options import SyntheticOptions
from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec, SpecError, Style
from shared.http.middleware import LogRequests
from shared.settings import EnvironmentSettings, count_cores

_DEFAULT = CaptchaSpec()
_EFFECTS = Effects()
_MAX_PROCESSES = 256
# Limit of the default: processes of up to 90 MB each that fit the memory limit of the container.
_DEFAULT_PROCESSES = 40


class Settings(EnvironmentSettings, validate_by_name=True):
    """What the generator renders and how it serves.

    Attributes:
        charset: characters that can appear in a captcha.
        length: characters per captcha; the maximum if the length varies.
        min_length: minimum length; None means `length`.
        style: rendering style of requests that choose none.
        width: width of an image in pixels.
        height: height of an image in pixels.
        noise_dots: noise dots of the library's styles, as `shared.captchas.effects` describes, like
            the next seven settings.
        noise_curves: arcs across the text.
        rotation: largest rotation of a character in degrees.
        warp: strength of the distortion, as a multiple of the library's.
        offset: largest displacement of a character, as a multiple of the library's.
        overlap: largest overlap of neighbouring characters, as a fraction of their width.
        text_color: `random` or `#rrggbb`.
        background_color: `random` or `#rrggbb`.
        font_directory: directory of the fonts that an internal request can name.
        fonts: paths of TrueType files; empty means the font of the captcha library.
        synthetic_fonts: font files and directories of the styles `synthetic`, `gimpy`, `line` and
            `crowded`; empty means the bundled fonts.
        voices: directory with a folder of recordings per character; None means the library's.
        processes: worker processes that render.
        max_dataset: captchas that a client can ask for in one request. The archive writer keeps
            about 1 kB per captcha in memory until a zip is finished.
        log_requests: requests that are logged.
        host: address to listen on.
        port: port to listen on.
    """

    charset: str = Field(_DEFAULT.charset, validation_alias="CAPTCHA_CHARSET")
    length: int = Field(_DEFAULT.length, validation_alias="CAPTCHA_LENGTH")
    min_length: int | None = Field(None, validation_alias="CAPTCHA_MIN_LENGTH")
    style: Style = Field(_DEFAULT.style, validation_alias="CAPTCHA_STYLE")
    width: int = Field(_DEFAULT.width, validation_alias="CAPTCHA_WIDTH")
    height: int = Field(_DEFAULT.height, validation_alias="CAPTCHA_HEIGHT")
    noise_dots: int = Field(_EFFECTS.noise_dots, validation_alias="CAPTCHA_NOISE_DOTS")
    noise_curves: int = Field(_EFFECTS.noise_curves, validation_alias="CAPTCHA_NOISE_CURVES")
    rotation: int = Field(_EFFECTS.rotation, validation_alias="CAPTCHA_ROTATION")
    warp: float = Field(_EFFECTS.warp, validation_alias="CAPTCHA_WARP")
    offset: float = Field(_EFFECTS.offset, validation_alias="CAPTCHA_OFFSET")
    overlap: float = Field(_EFFECTS.overlap, validation_alias="CAPTCHA_OVERLAP")
    text_color: str = Field(_EFFECTS.text_color, validation_alias="CAPTCHA_TEXT_COLOR")
    background_color: str = Field(
        _EFFECTS.background_color, validation_alias="CAPTCHA_BACKGROUND_COLOR"
    )
    font_directory: Path = Field(FONT_DIRECTORY, validation_alias="CAPTCHA_FONT_DIRECTORY")
    # NoDecode: pydantic-settings would otherwise expect JSON.
    fonts: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="CAPTCHA_FONTS")
    synthetic_fonts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="SYNTHETIC_FONTS"
    )
    voices: Path | None = Field(None, validation_alias="CAPTCHA_VOICES")
    processes: int = Field(
        default_factory=lambda: min(count_cores(), _DEFAULT_PROCESSES),
        ge=1,
        le=_MAX_PROCESSES,
        validation_alias="RENDER_PROCESSES",
    )
    max_dataset: int = Field(100_000, ge=1, validation_alias="MAX_DATASET")
    log_requests: LogRequests = Field("problems", validation_alias="LOG_REQUESTS")
    host: str = Field("127.0.0.1", validation_alias="GENERATOR_HOST")
    port: int = Field(8000, ge=1, le=65_535, validation_alias="GENERATOR_PORT")

    @field_validator("fonts", "synthetic_fonts", mode="before")
    @classmethod
    def _split_fonts(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_spec(self) -> Self:
        try:
            self.spec  # noqa: B018 - raises SpecError
        except SpecError as error:
            raise ValueError(name_variables(str(error))) from error
        return self

    @property
    def spec(self) -> CaptchaSpec:
        """The captchas that the generator renders."""
        effects = Effects(
            noise_dots=self.noise_dots,
            noise_curves=self.noise_curves,
            rotation=self.rotation,
            warp=self.warp,
            offset=self.offset,
            overlap=self.overlap,
            text_color=self.text_color,
            background_color=self.background_color,
        )
        return CaptchaSpec(
            self.charset, self.length, self.width, self.height, self.min_length, self.style, effects
        )


def name_variables(message: str) -> str:
    """Return a message about a spec with the variables of the fields that it names.

    "noise_dots, warp cannot be set" becomes "CAPTCHA_NOISE_DOTS, CAPTCHA_WARP cannot be set".
    """
    subject = re.split(r"(?<!,) ", message, maxsplit=1)[0].split(", ")
    for name, field in Settings.model_fields.items():
        # Later in the message, a name such as "style" is an ordinary word, unless it contains "_".
        if name in subject or "_" in name:
            message = re.sub(rf"\b{name}\b", str(field.validation_alias), message)
    return message


class SyntheticSettings(SyntheticOptions, EnvironmentSettings):
    """The options of the style `synthetic`, from the variables `SYNTHETIC_<OPTION>`."""

    model_config = SettingsConfigDict(env_prefix="SYNTHETIC_")
