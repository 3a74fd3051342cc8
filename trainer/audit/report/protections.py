"""What helps: each changed protection with its cost to the attacker and to people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer.audit.report.numbers import format_percent, format_points, format_signed
from trainer.audit.report.verdict import BARELY_LEGIBLE
from trainer.audit.results import AuditResults, ProtectionEffect

_Z_95 = 1.96
_MIN_LEGIBILITY_CHANGE = 0.02
"""Smaller changes of the estimate are not mentioned."""


@dataclass(frozen=True)
class Bar:
    """A bar from the middle of its cell to the left or right."""

    text: str
    start: float
    """Left end in percent of the width."""
    width: float


@dataclass(frozen=True)
class ProtectionRow:
    """One changed protection, as the template shows it."""

    name: str
    value: str
    without_labels: str
    with_labels: str
    cost: Bar
    legibility: str
    change: Bar | None
    conclusion: str


def list_protection_rows(results: AuditResults) -> list[ProtectionRow]:
    """Return the changes, the most expensive for the attacker first."""
    effects = sorted(results.protections, key=lambda effect: -effect.cost_points)
    widest = max((abs(effect.cost_points) for effect in effects), default=0.0)
    changes = [_legibility_change(results, effect) for effect in effects]
    widest_change = max((abs(change) for change in changes if change is not None), default=0.0)
    return [
        ProtectionRow(
            name=f"{effect.protection.replace('_', ' ')} {effect.change}",
            value=str(effect.value),
            without_labels=format_percent(effect.without_labels.accuracy),
            with_labels=format_percent(effect.with_labels.accuracy),
            cost=_build_bar(effect.cost_points, widest, format_points(effect.cost_points)),
            legibility=f"{effect.legibility.estimate:.2f}" if effect.legibility else "unknown",
            change=None
            if change is None
            else _build_bar(change, widest_change, format_signed(change, 2)),
            conclusion=_conclude(effect, change),
        )
        for effect, change in zip(effects, changes, strict=True)
    ]


def is_measurable(effect: ProtectionEffect) -> bool:
    """Return whether the cost is larger than the 95 % error of the difference.

    One correct and one wrong captcha are added to both accuracies, so that the error is not 0 if
    one of them is 0 or 1 (Agresti and Caffo, "Simple and effective confidence intervals for
    proportions and differences of proportions", 2000).
    """
    n = effect.with_labels.n
    accuracy = effect.with_labels.accuracy
    unchanged = min(max(accuracy + effect.cost_points / 100, 0.0), 1.0)
    first, second = ((p * n + 1) / (n + 2) for p in (accuracy, unchanged))
    variance = (first * (1 - first) + second * (1 - second)) / (n + 2)
    return abs(first - second) > _Z_95 * math.sqrt(variance)


def _legibility_change(results: AuditResults, effect: ProtectionEffect) -> float | None:
    if effect.legibility is None or results.legibility is None:
        return None
    return effect.legibility.estimate - results.legibility.estimate


def _conclude(effect: ProtectionEffect, change: float | None) -> str:
    attacker = effect.cost_points if is_measurable(effect) else 0.0
    people = 0.0 if change is None or abs(change) < _MIN_LEGIBILITY_CHANGE else change
    if attacker == 0:
        harm = ", but harder to read" if people < 0 else ""
        return f"no measurable effect on the attacker{harm}"
    if attacker < 0:
        return "easier for the attacker" + (", easier to read" if people > 0 else "")
    if change is None or effect.legibility is None:
        return "costs the attacker"
    if effect.legibility.estimate < BARELY_LEGIBLE:
        return "costs the attacker, but then barely legible"
    return "costs the attacker and people" if people < 0 else "costs the attacker, not people"


def _build_bar(value: float, widest: float, text: str) -> Bar:
    width = 50 * abs(value) / widest if widest else 0.0
    return Bar(text, 50 - width if value < 0 else 50.0, width)
