"""The verdict: from the numbers of an audit to an answer for someone who is no specialist.

The rules and their thresholds are in this file only.
"""

from __future__ import annotations

import math
from typing import Literal

from trainer.audit.legibility.visible_structure import show_structure
from trainer.audit.report.numbers import (
    SECONDS_PER_LABEL,
    format_count,
    format_interval,
    format_percent,
    format_work,
)
from trainer.audit.results import AuditResults, CurvePoint, Verdict

Level = Literal["broken", "weak", "resistant_to_this_attacker", "not_legible"]

BOT_RATE = 0.01
"""A bot that passes 1 in 100 is already a bot, because an attempt costs it almost nothing."""
HALF = 0.5
FEW_IMAGES = 1_000
"""Labelled images that one person types in less than three hours."""
NOT_LEGIBLE = 0.1
BARELY_LEGIBLE = 0.35
"""Estimates of the legibility below these are named; see trainer/audit/legibility."""
_CHANCE_DEVIATIONS = 3.0
"""Standard errors within which the accuracy per character is that of a guess."""

_REFERENCE = (
    "A reported attack on a large mail service in 2006 passed about 15 % of its attempts and made"
    " 100,000 attempts a day: 15,000 successes a day."
)
_NEVER_SAFE = (
    "This audit does not show that any text captcha is safe: its attackers are small networks with"
    " short trainings, and real ones also use larger networks, more images, or people who are paid"
    " to type."
)
_INSTEAD = (
    "Do not rely on it: use rate limits, proof of work, risk-based checks, passkeys or confirmation"
    " by e-mail, and offer an accessible alternative, because a text captcha excludes people who"
    " cannot see or decipher it (WCAG 2.2, success criteria 1.1.1 and 3.3.8)."
)


def decide_verdict(results: AuditResults) -> Verdict:
    """Return the verdict of all other numbers; `results.verdict` is not read."""
    level = decide_level(results)
    summary = _SUMMARIES[level]
    if level == "weak" and best_point(results).accuracy.accuracy < BOT_RATE:
        summary = (
            "Weak: this attacker stayed below 1 % here, but there were too few test captchas to"
            " exclude that it passes 1 in 100."
        )
    parts = [
        *(_describe_unreadable(results) if level == "not_legible" else _describe_attack(results)),
        _describe_legibility(results),
        _NEVER_SAFE,
        _INSTEAD,
    ]
    return Verdict(level=level, summary=summary, paragraph=" ".join(filter(None, parts)))


def decide_level(results: AuditResults) -> Level:
    """Return the level.

    `broken`: 1 % without labels, or half of the captchas with up to FEW_IMAGES labelled images.
    `not_legible`: the attacker guesses, and the images show nothing or the estimate of the
    legibility is below NOT_LEGIBLE. `resistant_to_this_attacker`: the 95 % interval of the best
    attacker ends below 1 %. `weak`: everything else.
    """
    without = [p.accuracy.accuracy for p in results.curve if p.labels == 0]
    few = [p.accuracy.accuracy for p in results.curve if p.labels <= FEW_IMAGES]
    needed = [n.images for n in results.images_needed if n.rate == HALF and n.images is not None]
    is_half_broken = max(few, default=0.0) >= HALF or min(needed, default=math.inf) <= FEW_IMAGES
    if max(without, default=0.0) >= BOT_RATE or is_half_broken:
        return "broken"
    if is_guessing(results) and not _are_readable(results):
        return "not_legible"
    is_excluded = best_point(results).accuracy.accuracy_interval_95[1] < BOT_RATE
    return "resistant_to_this_attacker" if is_excluded else "weak"


def best_point(results: AuditResults) -> CurvePoint:
    """Return the most accurate attacker; among equal ones the one with the fewest labels."""
    return max(results.curve, key=lambda point: (point.accuracy.accuracy, -point.labels))


def find_needed(results: AuditResults, rate: float) -> int | None:
    """Return the labelled images that the better initialisation needs for a rate.

    None if no attacker of the audit reached it.
    """
    found = [n.images for n in results.images_needed if n.rate == rate and n.images is not None]
    return min(found, default=None)


def describe_images(results: AuditResults, images: int) -> str:
    """Return a number of labelled images with the words that say how exact it is."""
    fewest = min((p.labels for p in results.curve if p.labels), default=0)
    if images == 0:
        return "no"
    if images == fewest:
        return f"at most {images:,}"  # fewer were not measured
    # It is interpolated: two digits are known.
    unit = 10 ** max(len(str(images)) - 2, 0)
    return f"about {round(images / unit) * unit:,}"


def is_guessing(results: AuditResults) -> bool:
    """Return whether the attacker does not predict characters better than the most frequent one.

    Whole captchas cannot tell: even a few correct characters of each would be 0 % exact match.
    """
    total = sum(result.n for result in results.characters)
    if not total:
        return False
    guess = max(result.n for result in results.characters) / total
    correct = sum(result.accuracy * result.n for result in results.characters) / total
    return correct <= guess + _CHANCE_DEVIATIONS * math.sqrt(guess * (1 - guess) / total)


def _are_readable(results: AuditResults) -> bool:
    if results.legibility is not None and results.legibility.estimate < NOT_LEGIBLE:
        return False
    return show_structure([sample.image for sample in results.samples])


_SUMMARIES: dict[Level, str] = {
    "broken": "Broken: a bot passes these captchas with little or no work.",
    "weak": "Weak: a bot passes these captchas after some work.",
    "resistant_to_this_attacker": (
        "Resistant to this attacker: it stayed below 1 %, which does not make the captchas safe."
    ),
    "not_legible": "Not legible: the attacker only guesses, and people cannot read these either.",
}


def _describe_attack(results: AuditResults) -> list[str]:
    return [_describe_accuracy(results), _describe_labels(results), _describe_cost(results)]


def _describe_accuracy(results: AuditResults) -> str:
    without = [p for p in results.curve if p.labels == 0]
    point = max(without, key=lambda p: p.accuracy.accuracy, default=None)
    best = best_point(results)
    if point is None or (point.accuracy.accuracy < BOT_RATE and best.labels):
        point = best
    if point.labels:
        learned = f"after learning from {point.labels:,} labelled ones"
    elif point.unlabelled:
        learned = f"after training itself on {point.unlabelled:,} of them without labels"
    else:
        learned = "without having seen a single labelled one"
    accuracy = point.accuracy
    text = (
        f"The attacker reads {format_percent(accuracy.accuracy)} of these captchas completely"
        f" {learned} (95 % interval {format_interval(accuracy.accuracy_interval_95)})."
    )
    if accuracy.accuracy >= BOT_RATE:
        text += " A bot that passes 1 in 100 is already a bot, since an attempt costs it almost "
        return f"{text}nothing. {_REFERENCE}"
    return f"{text} The line to watch is 1 in 100: a bot that passes that many is already a bot."


def _describe_labels(results: AuditResults) -> str:
    if (half := find_needed(results, HALF)) is not None:
        if half == 0:
            return "It passes more than half of them without any labels."
        return (
            f"For half of them it needs {describe_images(results, half)} labelled images, which is"
            f" {format_work(half)} of one person's typing at {SECONDS_PER_LABEL} seconds an image."
        )
    first = find_needed(results, BOT_RATE)
    most = max(point.labels for point in results.curve)
    if first:
        return (
            f"For 1 in 100 it needs {describe_images(results, first)} labelled images, which is"
            f" {format_work(first)} of one person's typing at {SECONDS_PER_LABEL} seconds an image;"
            f" it did not reach half of them with {most:,}."
        )
    return (
        f"More than the {most:,} labelled images of this audit, {format_work(most)} of one person's"
        f" typing at {SECONDS_PER_LABEL} seconds an image, may help it."
    )


def _describe_cost(results: AuditResults) -> str:
    cost = results.cost
    successes = format_count(cost.successes_per_hour)
    return (
        f"One processor core makes {format_count(cost.attempts_per_hour)} attempts an hour, of"
        f" which {successes} succeed, if the site does not slow it down."
    )


def _describe_unreadable(results: AuditResults) -> list[str]:
    most = max(point.labels for point in results.curve)
    return [
        f"Even after {most:,} labelled images the attacker predicts single characters no better"
        " than a guess, and the images show nothing that could be read: they are blank, noise or"
        " nearly so. Nobody can read them, people neither, so they do not tell people from bots;"
        " they lock everybody out."
    ]


def _describe_legibility(results: AuditResults) -> str:
    legibility = results.legibility
    if legibility is None:
        if is_guessing(results):
            return (
                "The attacker predicts single characters no better than a guess: check that a"
                " person can read the images, and that their labels are correct."
            )
        return ""
    if legibility.estimate < NOT_LEGIBLE:
        return (
            f"By an estimate from the pixels ({legibility.estimate:.2f} of 1) people can hardly"
            " read them at all: such captchas turn away people, not bots."
        )
    if legibility.estimate < BARELY_LEGIBLE:
        return (
            f"By an estimate from the pixels ({legibility.estimate:.2f} of 1) they are barely"
            " legible to people: do not make them harder."
        )
    return ""
