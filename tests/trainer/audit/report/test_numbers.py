"""Numbers as the report writes them."""

from __future__ import annotations

import pytest

from trainer.audit.report.numbers import (
    format_count,
    format_duration,
    format_interval,
    format_percent,
    format_points,
)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (0.00001, "below 0.01 %"),
        (0.004, "0.40 %"),
        (0.372, "37.2 %"),
        (0.9975, "99.75 %"),
        (0.999999, "above 99.99 %"),
        (1, "100 %"),
    ],
)
def test_a_fraction_is_written_in_percent(fraction: float, text: str) -> None:
    assert format_percent(fraction).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.41, 0.523, "41.0 to 52.3 %"),
        (0.98, 0.9938, "98.00 to 99.38 %"),
        (0.00372, 0.0213, "0.37 to 2.13 %"),
        (0, 0.0039, "0 to 0.39 %"),
        (-1e-17, 1.0000001, "0 to 100 %"),
        (0.9, 0.999999, "90.00 to above 99.99 %"),
    ],
)
def test_both_ends_of_an_interval_have_the_same_digits(low: float, high: float, text: str) -> None:
    assert format_interval((low, high)).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 second"),
        (45, "45 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (259_200, "3 days"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds).replace("\xa0", " ") == text


def test_small_counts_keep_their_digits() -> None:
    assert [format_count(n) for n in (0.034, 0, 12.3, 1_500_000)] == [
        "0.034",
        "0",
        "12",
        "1,500,000",
    ]


def test_points_have_a_sign_except_zero() -> None:
    assert [format_points(p) for p in (1.25, -3, 0.0, -0.01)] == [
        "+1.2",
        "\N{MINUS SIGN}3.0",
        "0.0",
        "0.0",
    ]
