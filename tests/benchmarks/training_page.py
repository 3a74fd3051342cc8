"""The section of docs/benchmarks.md that `make bench-training` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.benchmarks.runs import Run

LIBRARY = "the bare library, `ImageCaptcha.generate`, one process"
NPZ = "a generator on both cores, `GET /dataset?format=npz`"
ZIP = "a generator on both cores, `GET /dataset?format=zip`"
COURSE = "the course's recipe"
DEFAULT = "the default"
TARGET = "our network until it reads as much as the course's"

WANTED_CAPTCHAS = 1.8
WANTED_TRAINING = 20.0
TRAININGS_HEAD = (
    "| training | s in all | captchas | training | images/s | passes | tested on | right"
    " | 95 % interval | n |\n|---|--:|--:|--:|--:|--:|---|--:|---|--:|"
)


@dataclass
class Outcome:
    """All that a run of the benchmark found out."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    """Captchas per second, of each round."""
    commands: dict[str, str] = field(default_factory=dict)
    """What was trained with."""
    runs: dict[str, Run] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Which trainings came to nothing, and why."""
    target: float = 0.0
    """Share of the validation that the last training was to read right."""


def write_section(outcome: Outcome, machine: str, method: str) -> str:
    """Markdown; `method` says how long and how often was measured."""
    return "\n\n".join(
        [
            f"`make bench-training` on {machine}. {method}",
            "| captchas drawn by | captchas/s, median (worst to best) |\n|---|--:|\n"
            + "\n".join(rate_rows(outcome.rates)),
            "| captchas/s, round by round | median (worst to best) | wanted |\n|---|--:|--:|\n"
            + "\n".join(rate_ratios(outcome.rates)),
            TRAININGS_HEAD + "\n" + "\n".join(training_rows(outcome)),
            "\n".join(compare(outcome)),
        ]
    )


def rate_rows(rates: Mapping[str, Sequence[float]]) -> list[str]:
    """Median, worst and best of each."""
    return [f"| {name} | {_spread(found, ',.0f')} |" for name, found in rates.items()]


def rate_ratios(rates: Mapping[str, Sequence[float]]) -> list[str]:
    """The generator by the library, each round by its own: a busy minute slows both."""
    lines = []
    for name, wanted in ((NPZ, f"{WANTED_CAPTCHAS:g}"), (ZIP, "")):
        if name in rates and LIBRARY in rates:
            pairs = zip(rates[name], rates[LIBRARY], strict=True)
            ratios = [ours / library for ours, library in pairs]
            what = "npz" if name == NPZ else "zip"
            lines.append(f"| generator ({what}) / library | {_spread(ratios, '.2f')} | {wanted} |")
    return lines


def training_rows(outcome: Outcome) -> list[str]:
    """A line for each training, and one for each drawing where it was tested on several."""
    lines = []
    for name, command in outcome.commands.items():
        title = f"{name}: `{command}`"
        if name in outcome.runs:
            lines += _run_rows(title, outcome.runs[name])
        else:
            lines.append(f"| {title} | failed: {_one_cell(outcome.failed[name])} |")
    return lines


def compare(outcome: Outcome) -> list[str]:
    """How long until the course's accuracy: its network beside ours, or why that is not known."""
    course, ours = outcome.runs.get(COURSE), outcome.runs.get(TARGET)
    if course is None or ours is None:
        return ["Time to the course's accuracy: not known, a training failed."]
    if ours.best_validation < outcome.target:
        return [
            f"Time to the course's accuracy: not known, after {ours.train_s:,.1f} s of training our"
            f" network read {ours.best_validation:.2%} of the validation, less than"
            f" {outcome.target:.2%} ({ours.metrics['ended_because']})."
        ]
    rows = {
        "seconds of training": (course.train_s, ours.train_s),
        "seconds of training, the course's until its best pass": (course.best_s, ours.train_s),
        "seconds of the whole program": (course.total_s, ours.total_s),
    }
    wanted = f"{WANTED_TRAINING:g}"
    return [
        f"| to {outcome.target:.2%} | the course's recipe | our network | ratio | wanted |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {what} | {theirs:,.1f} | {mine:,.1f} | {theirs / mine:,.1f} | {wanted} |"
            for what, (theirs, mine) in rows.items()
        ),
        "",
        f"Our network was stopped after pass {ours.best_pass} at {ours.best_validation:.2%} of the"
        f" validation. Of the same test captchas it reads {_right(ours.metrics)}, the course's,"
        f" best after pass {course.best_pass} of {course.metrics['passes']},"
        f" {_right(course.metrics)}.",
    ]


def _run_rows(title: str, run: Run) -> list[str]:
    by_origin = run.metrics["by_origin"]
    tested: list[tuple[str, Mapping[str, Any]]] = [
        (f"`{origin}`", figures) for origin, figures in by_origin.items()
    ]
    if len(by_origin) > 1:
        tested.insert(0, (" and ".join(name for name, _ in tested), run.metrics))
    speeds = [
        f"{run.total_s:,.1f}",
        f"{run.captchas_s:,.0f}",
        f"{run.train_s:,.1f}",
        f"{run.metrics['images_per_s']:,.0f}",
        f"{run.metrics['passes']}",
    ]
    lines = []
    for name, figures in tested:
        first = not lines
        cells = [title if first else "", *(speeds if first else [""] * len(speeds)), name]
        lines.append(f"| {' | '.join([*cells, *_figures(figures)])} |")
    return lines


def _figures(metrics: Mapping[str, Any]) -> tuple[str, str, str]:
    low, high = metrics["accuracy_interval_95"]
    return f"{metrics['accuracy']:.2%}", f"{low:.2%} to {high:.2%}", f"{metrics['n']:,}"


def _right(metrics: Mapping[str, Any]) -> str:
    accuracy, interval, _ = _figures(metrics)
    return f"{accuracy} ({interval})"


def _spread(found: Sequence[float], style: str) -> str:
    """The median, and how far it can be trusted."""
    worst = f" ({min(found):{style}} to {max(found):{style}})" if len(found) > 1 else ""
    return f"{median(found):{style}}{worst}"


def _one_cell(text: str) -> str:
    """What may stand in a table: no line ends, no bar that would begin a cell."""
    return " ".join(text.split()).replace("|", "\\|")
