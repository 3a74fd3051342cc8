"""The one line that describes an invalid request or file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from shared.validation_errors import describe_first_error, describe_validation_errors


class Query(BaseModel):
    count: int = Field(ge=1)
    text: str = Field(max_length=3)


def described(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Query(**values)
    return describe_validation_errors(caught.value.errors())  # type: ignore[arg-type]


def test_an_invalid_value_is_described_with_its_name_and_value() -> None:
    assert described(count=0, text="a") == (
        "count: Input should be greater than or equal to 1, not 0"
    )
    assert described(count=0.5, text="a").endswith("not 0.5")


def test_several_errors_are_one_line() -> None:
    assert described(count=0, text="abcd") == (
        "count: Input should be greater than or equal to 1, not 0;"
        " text: String should have at most 3 characters, not 'abcd'"
    )


def test_values_that_are_no_text_or_number_are_left_out() -> None:
    assert described(count=[1], text="a") == "count: Input should be a valid integer"


def test_long_values_are_left_out() -> None:
    # ", not " and the quotes have 8 characters; fewer than 80 are shown.
    shown = described(count=1, text="x" * 71)
    assert shown == f"text: String should have at most 3 characters, not '{'x' * 71}'"
    assert described(count=1, text="x" * 72) == "text: String should have at most 3 characters"


def test_the_location_in_the_request_is_left_out() -> None:
    errors = [
        {"loc": ("query", "count"), "msg": "bad"},
        {"loc": ("body", "images", 3), "msg": "worse"},
        {"loc": ("body",), "msg": "missing"},
    ]
    assert describe_validation_errors(errors) == ("count: bad; images.3: worse; request: missing")
    assert describe_validation_errors([]) == ""


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            '{"count": 0, "text": "abcd"}',
            "count: Input should be greater than or equal to 1, not 0",
        ),
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1, not '{'"),
    ],
)
def test_the_first_error_of_a_file_is_described(content: str, line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Query.model_validate_json(content)
    assert describe_first_error(caught.value) == line
