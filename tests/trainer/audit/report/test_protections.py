"""The rows of what helps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trainer.audit.report.example import accuracy_of, build_example
from trainer.audit.report.protections import is_measurable, list_protection_rows
from trainer.audit.results import Legibility, ProtectionEffect


def effect(cost_points: float, legible: float | None, **changes: Any) -> ProtectionEffect:
    values: dict[str, Any] = {
        "protection": "noise_dots",
        "change": "doubled",
        "value": 60,
        "without_labels": accuracy_of(0.03),
        "with_labels": accuracy_of(0.71 - cost_points / 100),
        "labels": 1_000,
        "cost_points": cost_points,
        "legibility": None
        if legible is None
        else Legibility(estimate=legible, lowest_tenth=0.1, n=100),
    }
    return ProtectionEffect(**(values | changes))


def test_rows_are_ranked_by_their_cost_to_the_attacker() -> None:
    rows = list_protection_rows(build_example(protections=(effect(-5, 0.6), effect(9, 0.6))))
    assert [row.cost.text for row in rows] == ["+9.0", "\N{MINUS SIGN}5.0"]


def test_bars_start_in_the_middle_and_the_widest_fills_its_half() -> None:
    costly, cheap = list_protection_rows(
        build_example(protections=(effect(10, 0.6), effect(-5, 0.6)))
    )
    assert (costly.cost.start, costly.cost.width) == (50, 50)
    assert (cheap.cost.start, cheap.cost.width) == (25, 25)


@pytest.mark.parametrize(
    ("cost_points", "legible", "conclusion"),
    [
        (10, 0.63, "costs the attacker, not people"),
        (10, 0.50, "costs the attacker and people"),
        (10, 0.29, "costs the attacker, but then barely legible"),
        (10, None, "costs the attacker"),
        (1, 0.63, "no measurable effect on the attacker"),
        (1, 0.50, "no measurable effect on the attacker, but harder to read"),
        (-10, 0.63, "easier for the attacker"),
        (-10, 0.80, "easier for the attacker, easier to read"),
    ],
)
def test_the_conclusion_weighs_the_attacker_against_people(
    cost_points: float, legible: float | None, conclusion: str
) -> None:
    (row,) = list_protection_rows(build_example(protections=(effect(cost_points, legible),)))
    assert row.conclusion == conclusion


@pytest.mark.parametrize(("cost_points", "expected"), [(0.4, False), (0.7, True)])
def test_near_an_accuracy_of_100_percent_the_error_is_not_0(
    cost_points: float, expected: bool
) -> None:
    """Of 1,000 captchas 4 more are wrong: Fisher's exact test gives p = 0.12; of 7, p = 0.015."""
    changed = effect(cost_points, None, with_labels=accuracy_of(1 - cost_points / 100, 1_000))
    assert is_measurable(changed) == expected


def test_without_protections_there_are_no_rows() -> None:
    assert list_protection_rows(build_example(protections=())) == []
