"""The options of the command: what to audit, and how thoroughly."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shared.captchas.effects import Effects, EffectsError
from shared.captchas.spec import CaptchaSpec, Style
from shared.settings import SettingsError
from shared.versions.version_index import is_audit_name
from trainer.audit.plan import LABELS, Mode
from trainer.audit.thresholds import Limit

EFFECTS = {
    "noise_dots": "number of noise dots",
    "noise_curves": "number of arcs across the text",
    "rotation": "largest rotation of a character in degrees",
    "warp": "distortion of a character, as a multiple of the library's",
    "offset": "displacement of a character, as a multiple of the library's",
    "overlap": "largest overlap of neighbouring characters, as a fraction of their width",
    "text_color": "random, or #rrggbb",
    "background_color": "random, or #rrggbb",
    "fonts": "names of font files of the generator, separated by commas",
}
"""The effects; each one is an option."""
_SPEC_FIELDS = ("charset", "length", "min_length", "width", "height", "style")


def _parse_limit(value: object) -> object:
    return Limit.parse(value) if isinstance(value, str) else value


class AuditOptions(BaseModel):
    """What to audit. None means the value of the running generator."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    style: Style | None = Field(None, description="rendering style")
    charset: str | None = Field(None, description="characters that can appear")
    length: int | None = Field(None, description="characters per captcha; the maximum if it varies")
    min_length: int | None = Field(None, description="minimum length; without it, --length")
    width: int | None = Field(None, description="width of an image in pixels")
    height: int | None = Field(None, description="height of an image in pixels")
    effects: dict[str, Any] = Field(default_factory=dict)
    image_folder: Path | None = Field(
        None, description="folder of labelled images, <label>_<anything>.png, instead of a setting"
    )
    name: str | None = Field(None, description="name of the report")
    seed: int = Field(1, ge=0, lt=2**29, description="determines the captchas and the trainings")
    mode: Mode = "default"
    fail_above: Annotated[Limit | None, BeforeValidator(_parse_limit)] = Field(
        None,
        description="RATE@IMAGES, such as 0.01@1000: exit status 1 if an attacker with that many"
        " labelled images is more accurate",
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.name is not None and not is_audit_name(self.name):
            raise ValueError(
                "--name: Input should be up to 100 letters, digits, '.', '_' and '-', beginning"
                f" with a letter or digit, not {self.name!r}"
            )
        given = [name for name in _SPEC_FIELDS if getattr(self, name) is not None]
        if self.image_folder and (given := [*given, *self.effects]):
            options = ", ".join(map(_flag, given))
            raise ValueError(f"{options}: not with --image-folder, whose images are what they are")
        most = LABELS[self.mode]["bundled"][-1]
        if self.fail_above and self.fail_above.images > most:
            raise ValueError(
                f"--fail-above: this audit measures up to {most:,} images, not"
                f" {self.fail_above.images:,}"
                + ("" if self.mode == "thorough" else "; --thorough measures more")
            )
        return self

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Read the command line and the TOML file of `--config`; the command line wins.

        Prints the help and exits on `--help` and on unknown options.

        Raises:
            SettingsError: naming the option and its value, if one is invalid.
        """
        given = vars(_build_parser(cls).parse_args(arguments))
        config = given.pop("config", None)
        # Modes replace each other.
        values = _read_config(config) if config else {}
        if given.keys() & {"quick", "thorough"}:
            values.pop("quick", None)
            values.pop("thorough", None)
        values = {name.replace("-", "_"): value for name, value in values.items()} | given
        return cls.build(values)

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Return the options with these values, as in a TOML file.

        Raises:
            SettingsError: naming the option and its value, if one is invalid.
        """
        values = dict(values)
        for name in values:
            # Fields without a description are derived from other options.
            if name in cls.model_fields and not cls.model_fields[name].description:
                raise SettingsError(f"{_flag(name)}: there is no such option")
        modes = [mode for mode in ("quick", "thorough") if values.pop(mode, False)]
        if len(modes) > 1:
            raise SettingsError("--quick and --thorough exclude each other")
        values["mode"] = modes[0] if modes else "default"
        effects = {name: values.pop(name) for name in EFFECTS if name in values}
        if isinstance(fonts := effects.get("fonts"), str):
            effects["fonts"] = fonts.split(",")
        try:
            Effects.from_dict(effects)
            return cls(**values, effects=effects)
        except ValidationError as error:
            raise SettingsError(_describe(error)) from None
        except EffectsError as error:
            name, _, reason = str(error).partition(" ")
            raise SettingsError(f"{_flag(name)} {reason}") from None

    def build_spec(self, running: CaptchaSpec) -> CaptchaSpec:
        """Return the captchas to audit.

        Args:
            running: those of the running generator, for the fields that are not given.

        Raises:
            SpecError: naming the field and its value, if the spec is invalid.
        """
        given = {name: getattr(self, name) for name in _SPEC_FIELDS}
        values = {name: value for name, value in given.items() if value is not None}
        if "length" in values:
            # The generator's minimum belongs to the generator's maximum.
            values.setdefault("min_length", values["length"])
        inherited = running.with_style(self.style or running.style).effects
        effects = Effects.from_dict(inherited.to_dict() | self.effects)
        return replace(running, **values, effects=effects)


def _build_parser(options: type[AuditOptions]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer audit",
        description="Measure how breakable captchas are. What is not given is as in the running"
        " generator.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for name, field in options.model_fields.items():
        if field.description:
            parser.add_argument(_flag(name), metavar="VALUE", help=field.description)
    for name, description in EFFECTS.items():
        parser.add_argument(_flag(name), type=_parse_value, metavar="VALUE", help=description)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--quick", action="store_true", help="at most 3 minutes, up to 1,000 labels")
    modes.add_argument("--thorough", action="store_true", help="up to 20,000 labels, takes hours")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file of these options")
    return parser


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parse_value(text: str) -> Any:
    """Return a number; anything else is a text."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"--config: {path} cannot be read ({error})") from None


def _describe(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            parts.append(message)
        elif problem["type"] == "extra_forbidden":
            parts.append(f"{_flag(str(problem['loc'][0]))}: there is no such option")
        else:
            parts.append(f"{_flag(str(problem['loc'][0]))}: {message}, not {problem['input']!r}")
    return "; ".join(parts)
