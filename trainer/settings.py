"""The trainer's settings: where it runs, and what to train."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.captchas.spec import Style
from shared.settings import EnvironmentSettings, SettingsError, describe_settings_error
from shared.versions.object_store import WRITE_SCHEMES, check_store_url
from trainer.config import ADDITIONAL_CAPTCHAS, NetworkName, TrainingConfig, read_preset

_PREFIX = "TRAIN_"


def _check_url(text: str) -> str:
    try:
        url = httpx.URL(text)
        url.host.encode("idna")  # a lookup would fail on empty and overlong labels
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"Input should be a URL ({error})") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("Input should be a URL such as http://host:port")
    return text


def _check_store_url(text: str) -> str:
    return check_store_url(text, WRITE_SCHEMES)


def _split_commas(value: object) -> object:
    return tuple(value.split(",")) if isinstance(value, str) else value


class TrainerSettings(EnvironmentSettings):
    """Where the trainer finds the generator and keeps its files."""

    generator_url: Annotated[str, AfterValidator(_check_url)] = "http://127.0.0.1:8000"
    generator_timeout_s: float = Field(120.0, ge=0, le=86_400)
    """How long to wait for the generator to become ready."""
    models_dir: Path = Path("models")
    models_url: Annotated[str, AfterValidator(_check_store_url)] | None = None
    """Object store that versions, audit reports and the training status are uploaded to."""
    data_dir: Path = Path("data")


class TrainingOptions(EnvironmentSettings):
    """What to train: a preset, and values that replace those of the preset.

    Each option is a variable `TRAIN_<NAME>` or a command-line option `--<name>`. None means the
    value of the preset.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        cli_prog_name="python -m trainer",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    preset: str | None = Field(
        None,
        description="quick, scratch, best, letters, course, base, folder or a .toml file; by"
        " default quick, or folder with an image folder alone",
    )
    image_folder: Path | None = Field(
        None, description="folder of your own labelled images, <label>_<anything>.png"
    )
    captchas: int | None = Field(
        None,
        description="training captchas from the generator; 0 with an image folder",
    )
    styles: Annotated[tuple[Style, ...] | None, NoDecode, BeforeValidator(_split_commas)] = Field(
        None, description="rendering styles, separated by commas: current,classic"
    )
    network: NetworkName | None = Field(None, description="network architecture")
    init: Literal["bundled", "scratch"] | None = Field(
        None, description="initial weights: those of the bundled model, or random ones"
    )
    epochs: int | None = Field(None, description="passes over the training captchas")
    batch_size: int | None = Field(None, description="captchas per step")
    learning_rate: float | None = Field(None, description="peak learning rate")
    seed: int | None = Field(None, description="determines captchas, order and initial weights")
    target_accuracy: float | None = Field(
        None, description="stop at this validation accuracy; 0 to disable"
    )
    patience: int | None = Field(
        None, description="stop after this many epochs without improvement; 0 to disable"
    )
    max_minutes: float | None = Field(None, description="stop after this time; 0 to disable")
    min_accuracy: float | None = Field(None, description="test accuracy needed to be published")

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> TrainingOptions:
        """Read `TRAIN_*` variables and command-line options, which take precedence.

        Prints the help and exits on `--help` and on invalid options.

        Raises:
            SettingsError: on an invalid value or an unknown `TRAIN_*` variable.
        """
        known = {f"{_PREFIX}{name.upper()}" for name in cls.model_fields}
        unknown = sorted(key for key in os.environ if key.startswith(_PREFIX) and key not in known)
        if unknown:
            raise SettingsError(
                f"unknown setting {', '.join(unknown)}; the settings are {', '.join(sorted(known))}"
            )
        return cls.load(_cli_parse_args=list(arguments))

    def build_config(self) -> TrainingConfig:
        """Return the hyperparameters of the preset with the options applied.

        Raises:
            SettingsError: if the preset cannot be read or a value is invalid.
        """
        options = self.model_dump(exclude={"preset", "image_folder"}, exclude_none=True)
        if self.image_folder and self.captchas is None:
            options["captchas"] = 0  # the images alone
        without_generator = options.get("captchas") == 0
        preset = self.preset or ("folder" if self.image_folder and without_generator else "quick")
        try:
            values: dict[str, Any] = read_preset(preset)
        except ValueError as error:
            raise SettingsError(f"{_PREFIX}PRESET: {error}, not {preset!r}") from None
        if without_generator:
            # These come from the generator too.
            values |= dict.fromkeys(ADDITIONAL_CAPTCHAS, 0)
        try:
            return TrainingConfig(**values | options)
        except ValidationError as error:
            raise SettingsError(describe_settings_error(error, type(self))) from None
