"""Settings from the environment: validated, frozen, with errors that name the variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings, SettingsError, count_cores


def check_even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


class Example(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    port: int = Field(default=8000, ge=1, le=65_535)
    mode: Literal["all", "problems"] = "problems"
    directory: Path = Path("models")
    even: Annotated[int, AfterValidator(check_even)] = 2
    log_requests: str = Field(default="no", validation_alias="LOG_REQUESTS")
    low: int = 1
    high: int = 2
    threads: int = Field(default=1, alias="THREADS", ge=1)

    @model_validator(mode="after")
    def check_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"EXAMPLE_LOW {self.low} is more than EXAMPLE_HIGH {self.high}")
        return self


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("EXAMPLE_") or name in ("LOG_REQUESTS", "THREADS", "PORT"):
            monkeypatch.delenv(name)


def fails_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Example.load()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_unset_variables_mean_the_defaults() -> None:
    settings = Example.load()
    assert (settings.port, settings.mode, settings.directory) == (8000, "problems", Path("models"))
    assert settings.log_requests == "no"


def test_variables_are_read_with_prefix_or_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EXAMPLE_PORT": "5000",
        "EXAMPLE_MODE": "all",
        "EXAMPLE_DIRECTORY": "/models",
        "LOG_REQUESTS": "yes",
        "THREADS": "3",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Example.load()
    assert (settings.port, settings.mode, settings.directory) == (5000, "all", Path("/models"))
    assert (settings.log_requests, settings.threads) == ("yes", 3)


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PORT", "")
    monkeypatch.setenv("EXAMPLE_MODE", "")
    monkeypatch.setenv("LOG_REQUESTS", "")
    assert Example.load() == Example()
    assert Example.load().port == 8000
    assert Example.load().log_requests == "no"


def test_unrelated_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_COLOUR", "red")
    monkeypatch.setenv("PORT", "1")
    assert Example.load().port == 8000


def test_overrides_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PORT", "5000")
    settings = Example.load(port=6000)
    assert isinstance(settings, Example)
    assert settings.port == 6000


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Example.load().port = 1  # type: ignore[misc]


def test_an_invalid_variable_is_named_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, EXAMPLE_PORT="0") == (
        "EXAMPLE_PORT: Input should be greater than or equal to 1, not '0'"
    )


def test_a_value_of_another_type_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, EXAMPLE_PORT="high").startswith(
        "EXAMPLE_PORT: Input should be a valid integer"
    )


def test_choices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, EXAMPLE_MODE="none") == (
        "EXAMPLE_MODE: Input should be 'all' or 'problems', not 'none'"
    )


def test_an_alias_is_named_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, THREADS="0") == (
        "THREADS: Input should be greater than or equal to 1, not '0'"
    )


def test_a_check_of_one_field_is_named_without_the_prefix_of_pydantic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fails_with(monkeypatch, EXAMPLE_EVEN="3") == "EXAMPLE_EVEN: must be even, not '3'"


def test_a_check_of_several_fields_is_only_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, EXAMPLE_LOW="5") == "EXAMPLE_LOW 5 is more than EXAMPLE_HIGH 2"


def test_several_errors_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(monkeypatch, EXAMPLE_PORT="0", EXAMPLE_EVEN="3") == (
        "EXAMPLE_PORT: Input should be greater than or equal to 1, not '0';"
        " EXAMPLE_EVEN: must be even, not '3'"
    )


def test_an_invalid_override_is_named_as_its_variable() -> None:
    with pytest.raises(SettingsError, match=r"^EXAMPLE_PORT: .*, not 70000$"):
        Example.load(port=70_000)


def test_a_settings_error_is_a_value_error() -> None:
    assert issubclass(SettingsError, ValueError)


def test_cores_are_those_of_the_affinity_or_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert count_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert count_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_cores() == 1


def test_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        os, "sched_getaffinity", lambda pid: asked.append(pid) or {1}, raising=False
    )
    assert count_cores() == 1
    assert asked == [0]
