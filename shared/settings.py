"""Base class of the programs' settings: environment variables, validated by pydantic-settings."""

from __future__ import annotations

import os
from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """An invalid setting. The message names the variable, what it must be and its value."""


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    # On Linux the affinity respects taskset and cpusets; other systems do not have it.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class EnvironmentSettings(BaseSettings):
    """Frozen settings that are read from the environment once, in `__main__`.

    A field `port` with `env_prefix="GENERATOR_"` is read from `GENERATOR_PORT`. An empty variable
    means the default, because Compose passes unset variables as empty ones.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment.

        Args:
            overrides: field values that take precedence over the environment.

        Raises:
            SettingsError: if a variable is invalid.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError(describe_settings_error(error, cls)) from None


def describe_settings_error(error: ValidationError, settings: type[BaseSettings]) -> str:
    """Return one line that names each invalid variable, what is wrong and the value."""
    prefix = settings.model_config.get("env_prefix", "")
    parts = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:  # a check of several fields; its message names them
            parts.append(message)
            continue
        name = str(problem["loc"][0])
        field = settings.model_fields.get(name)
        if field is not None and isinstance(field.validation_alias, str):
            variable = field.validation_alias
        elif field is not None:
            variable = f"{prefix}{name}".upper()
        else:  # the alias itself
            variable = name
        parts.append(f"{variable}: {message}, not {problem['input']!r}")
    return "; ".join(parts)
