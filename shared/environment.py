"""Reads settings from a mapping such as the environment, with errors that name key and value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

N = TypeVar("N", int, float)


class SettingsError(ValueError):
    """A setting that cannot be; the text names its key, its value and what it must be."""


def count_cores() -> int:
    """Cores that this process may use."""
    # Linux knows what a container or taskset leaves of them; other systems do not.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_text(
    environment: Mapping[str, str], key: str, default: str, choices: tuple[str, ...] = ()
) -> str:
    """The value of `key`; unset and empty mean the default, as Compose passes unset ones empty."""
    value = environment.get(key, "") or default
    if choices and value not in choices:
        raise SettingsError(f"{key} must be one of {', '.join(choices)}, not {value!r}")
    return value


def parse_number(key: str, value: str, kind: type[N]) -> N:
    """`value` as int or float. Raises SettingsError naming `key`."""
    try:
        return kind(value)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{key} must be {what}, not {value!r}") from None


def read_int(
    environment: Mapping[str, str],
    key: str,
    default: int,
    low: int | None = None,
    high: int | None = None,
) -> int:
    """The whole number under `key`, from `low` to `high`."""
    value = environment.get(key, "")
    if not value:
        return default
    number = parse_number(key, value, int)
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise SettingsError(f"{key} must be {bounds}, not {number}")
    return number


def read_float(
    environment: Mapping[str, str], key: str, default: float, low: float, high: float
) -> float:
    """The number under `key`, from `low` to `high`."""
    value = environment.get(key, "")
    if not value:
        return default
    number = parse_number(key, value, float)
    if not low <= number <= high:
        raise SettingsError(f"{key} must be from {low:g} to {high:g}, not {value}")
    return number
