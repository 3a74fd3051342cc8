"""A preset, TRAIN_* variables and command-line options -> a TrainingConfig."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from shared.environment import SettingsError, parse_number
from trainer.config import ConfigError, TrainingConfig
from trainer.presets import DEFAULT_PRESET, PRESETS

ENVIRONMENT_PREFIX = "TRAIN_"


def read_config(environment: Mapping[str, str], arguments: Sequence[str]) -> TrainingConfig:
    """A preset, changed by TRAIN_* variables, changed by command-line options.

    Raises ConfigError; prints help and exits on `--help` and on unknown options.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        allow_abbrev=False,
        description="Trains a recogniser on captchas from the generator and publishes it.",
        epilog=f"Each option can also be set as {ENVIRONMENT_PREFIX}<NAME> in the environment.",
    )
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), help=f"starting point (default: {DEFAULT_PRESET})"
    )
    kinds: dict[str, type] = {}
    for setting in dataclasses.fields(TrainingConfig):
        kinds[setting.name] = type(setting.default)
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            choices=setting.metadata["choices"] or None,
            help=f"{setting.metadata['help']} (default: {setting.default})",
        )
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    from_environment = _read_environment(environment, kinds)
    in_environment = from_environment.pop("preset", None) or DEFAULT_PRESET
    preset = given.pop("preset", None) or in_environment
    if preset not in PRESETS:
        raise ConfigError(f"TRAIN_PRESET must be one of {', '.join(PRESETS)}, not {preset!r}")
    chosen = from_environment | given
    wanted = PRESETS[preset] | chosen
    if wanted.get("captchas") == 0 and "look_alike_captchas" not in chosen:
        wanted |= {"look_alike_captchas": 0}  # the preset's come from the generator too
    return TrainingConfig(**wanted)


def _read_environment(environment: Mapping[str, str], kinds: Mapping[str, type]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in environment.items():
        # Compose hands unset variables over as empty ones.
        if not key.startswith(ENVIRONMENT_PREFIX) or not text:
            continue
        name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name == "preset":
            values[name] = text
            continue
        if name not in kinds:
            known = ", ".join(f"{ENVIRONMENT_PREFIX}{k.upper()}" for k in kinds)
            raise ConfigError(f"{key} is no setting; there are {known}")
        try:
            values[name] = text if kinds[name] is str else parse_number(key, text, kinds[name])
        except SettingsError as error:
            raise ConfigError(str(error)) from None
    return values
