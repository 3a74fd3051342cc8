"""Errors of pydantic, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError


def describe_validation_errors(errors: Iterable[Mapping[str, Any]]) -> str:
    """Return pydantic's list of errors as one line: "count: Input should be ..., not 0"."""
    parts = []
    for error in errors:
        name = ".".join(str(part) for part in error["loc"] if part not in ("query", "body"))
        value = error.get("input")
        shown = f", not {value!r}" if isinstance(value, str | int | float) else ""
        parts.append(f"{name or 'request'}: {error['msg']}{shown if len(shown) < 80 else ''}")
    return "; ".join(parts)


def describe_first_error(error: ValidationError) -> str:
    """Return the first error of a file as one line."""
    return describe_validation_errors(error.errors()[:1]).removeprefix("request: ")
