"""The page of a report: one HTML document without scripts and without outside addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trainer.audit.report import numbers
from trainer.audit.report.curve import NAMES, build_curve_chart
from trainer.audit.report.protections import list_protection_rows
from trainer.audit.report.verdict import (
    BOT_RATE,
    HALF,
    Level,
    describe_images,
    find_needed,
    is_guessing,
)
from trainer.audit.results import AuditResults, CharacterResult
from trainer.audit.thresholds import INITS, RATES

LEGIBILITY_NOTE = (
    "An estimate from the pixels, not measured with people: the product of the contrast of the text"
    " (1 from 3 to 1 on, as WCAG asks for large text), the part of the ink near the text that is"
    " text and not noise, the likeness of the characters to upright and undistorted ones, and the"
    " part of them that neighbours neither hide nor touch, where a touching one counts half. It"
    " draws on WCAG 2.2 and on studies of letter recognition, visual clutter and captchas (Solomon"
    " and Pelli 1994, Chellapilla et al. 2005, Rosenholtz et al. 2007). Compare settings of one"
    " style with it; the value alone is not the share of people who succeed."
)
_TEMPLATES = Path(__file__).parent / "templates"
_WORST_CHARACTERS = 8
LEVELS: dict[Level, str] = {
    "broken": "Broken",
    "weak": "Weak",
    "resistant_to_this_attacker": "Resistant to this attacker",
    "not_legible": "Not legible",
}
_MODES = {"quick": "--quick", "default": "default", "thorough": "--thorough"}


@dataclass(frozen=True)
class Fact:
    """A number that matters, with its explanation."""

    name: str
    value: str
    note: str


def render_page(results: AuditResults) -> str:
    """Return the report as HTML."""
    return _load_templates().get_template("report.html").render(_build_context(results))


@cache
def _load_templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": numbers.format_percent,
        "interval": numbers.format_interval,
        "count": numbers.format_count,
        "duration": numbers.format_duration,
    }
    return environment


def _build_context(results: AuditResults) -> dict[str, Any]:
    characters = sorted(results.characters, key=lambda c: (c.accuracy, c.character))
    return {
        "results": results,
        "style": (_TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "level": LEVELS[results.verdict.level],
        "facts": list_facts(results),
        "is_guessing": is_guessing(results),
        "names": NAMES,
        "mode": _MODES[results.mode],
        "charts": {
            "wide": build_curve_chart(results.curve, 720, 400),
            "narrow": build_curve_chart(results.curve, 380, 360),
        },
        "curve_text": describe_curve(results),
        "needed": _list_needed(results),
        "rates": RATES,
        "protections": list_protection_rows(results),
        "protection_labels": next((effect.labels for effect in results.protections), 0),
        "worst_characters": characters[:_WORST_CHARACTERS],
        "characters": characters,
        "character_groups": _group(characters),
        "galleries": (
            ("Hardest for the attacker", results.hardest),
            ("Easiest for the attacker", results.easiest),
        ),
        "effects": results.setting.spec.get("effects") or {},
        "seconds_per_label": numbers.SECONDS_PER_LABEL,
        "legibility_note": LEGIBILITY_NOTE,
    }


def list_facts(results: AuditResults) -> list[Fact]:
    """Return the numbers that matter most, for the top of the page."""
    facts = []
    without = [point for point in results.curve if point.labels == 0]
    if without:
        best = max(without, key=lambda point: point.accuracy.accuracy)
        note = f"95 % interval {numbers.format_interval(best.accuracy.accuracy_interval_95)}"
        if best.unlabelled:
            before = numbers.format_percent(without[0].accuracy.accuracy)
            note += f"; {before} before training itself on {best.unlabelled:,} images"
        value = numbers.format_percent(best.accuracy.accuracy)
        facts.append(Fact("Passed without any labelled image", value, note))
    for rate, name in ((BOT_RATE, "1 in 100"), (HALF, "half")):
        images = find_needed(results, rate)
        most = max(point.labels for point in results.curve)
        if images is None:
            value, note = f"over {most:,}", "not reached in this audit"
        else:
            value = describe_images(results, images).removeprefix("about ")
            note = f"{numbers.format_work(images)} of typing" if images else "no labels needed"
            value = "0" if images == 0 else value
        facts.append(Fact(f"Labelled images to pass {name}", value, note))
    cost = results.cost
    facts.append(
        Fact(
            "Successes per hour on one core",
            numbers.format_count(cost.successes_per_hour),
            f"of {numbers.format_count(cost.attempts_per_hour)} attempts",
        )
    )
    return facts


def describe_curve(results: AuditResults) -> str:
    """Return the alternative text of the curve."""
    parts = []
    for init in INITS:
        labelled = (p for p in results.curve if p.init == init and not p.unlabelled)
        points = sorted(labelled, key=lambda p: p.labels)
        if points:
            first, last = points[0], points[-1]
            parts.append(
                f"{NAMES[init]}, the accuracy goes from"
                f" {numbers.format_percent(first.accuracy.accuracy)} with"
                f" {first.labels:,} labelled images to"
                f" {numbers.format_percent(last.accuracy.accuracy)} with {last.labels:,}"
            )
    parts += [
        f"{NAMES[point.init]} and self-trained on {point.unlabelled:,} images without labels, it is"
        f" {numbers.format_percent(point.accuracy.accuracy)}"
        for point in results.curve
        if point.unlabelled
    ]
    return f"Accuracy against the number of labelled images: {'; '.join(parts)}."


def _list_needed(results: AuditResults) -> list[tuple[str, list[str]]]:
    """Return a row for each initialisation with the images for each rate."""
    rows = []
    for init in INITS:
        found = {n.rate: n.images for n in results.images_needed if n.init == init}
        if found:
            cells = [found.get(rate) for rate in RATES]
            rows.append((NAMES[init], ["not reached" if c is None else f"{c:,}" for c in cells]))
    return rows


def _group(characters: Sequence[CharacterResult]) -> list[Sequence[CharacterResult]]:
    """Return the characters in short tables, which stand side by side where there is room."""
    size = 16
    return [characters[start : start + size] for start in range(0, len(characters), size)]
