"""The table of the benchmark: a row per design, and a row with the averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

from tests.benchmarks.designs.accuracy import Measurement
from tests.benchmarks.designs.design import Design
from tests.benchmarks.page import format_table


@dataclass(frozen=True)
class Budget:
    """How many pictures of a design a training can use."""

    pictures: int
    has_labels: bool = True

    def __str__(self) -> str:
        """Return the title of its column: "300 labels"."""
        return f"{self.pictures:,} {'labels' if self.has_labels else 'unlabelled'}"


@dataclass(frozen=True)
class Tuned:
    """A design after a training on some pictures."""

    measurement: Measurement
    seconds: float
    is_published: bool = True
    """Whether the training published a version; otherwise the first one was measured again."""


@dataclass
class Result:
    """What was measured on the pictures of a design."""

    design: Design
    base: Measurement | None = None
    ocr: Measurement | None = None
    """Of the better one of ddddocr's two models."""
    tuned: dict[Budget, Tuned] = field(default_factory=dict)
    failure: str = ""
    """Why the design was not measured, or not completely."""


def format_results(results: Sequence[Result], budgets: Sequence[Budget]) -> str:
    """Return the Markdown table of accuracy and speed, with a column for each budget."""
    columns = ["design", "characters", "length", "accuracy", "95 % interval", "ddddocr"]
    columns += map(str, budgets)
    columns += ["pictures/s", "ddddocr's"]
    rows = [list(_format_row(result, budgets)) for result in results]
    measured = [result for result in results if result.base]
    held_out = [result for result in measured if not result.design.effect_in_style]
    if measured:
        rows.append(list(_format_average("average", measured, budgets)))
    if held_out and len(held_out) < len(measured):
        name = "average without effects of the style"
        rows.append(list(_format_average(name, held_out, budgets)))
    return format_table(columns, ([*row, *[""] * (len(columns) - len(row))] for row in rows))


def _format_row(result: Result, budgets: Sequence[Budget]) -> Iterator[str]:
    design = result.design
    own = "" if design.is_published else ", our own"
    yield f"`{design.name}`{own}{', effect in the style' if design.effect_in_style else ''}"
    yield str(len(design.charset))
    yield design.length_range
    if result.base is None:
        yield f"not measured: {result.failure}"
        return
    accuracy = result.base.accuracy
    yield f"{accuracy.accuracy:.1%}"
    yield "{:.1%} to {:.1%}".format(*accuracy.accuracy_interval_95)
    yield _format_accuracy(result.ocr)
    for budget in budgets:
        tuned = result.tuned.get(budget)
        yield _format_tuned(tuned) if tuned else f"not measured: {result.failure}"
    yield _format_speed(result.base)
    yield _format_speed(result.ocr)


def _format_average(
    name: str, measured: Sequence[Result], budgets: Sequence[Budget]
) -> Iterator[str]:
    """Yield the cells of the averages over the designs that have a value in the column."""
    bases = [result.base for result in measured if result.base]
    ocrs = [result.ocr for result in measured if result.ocr]
    yield f"{name}, {len(bases)} designs"
    yield from ("", "")
    yield f"{mean(base.accuracy.accuracy for base in bases):.1%}"
    yield ""
    yield f"{mean(ocr.accuracy.accuracy for ocr in ocrs):.1%}" if ocrs else "-"
    for budget in budgets:
        runs = [result.tuned[budget] for result in measured if budget in result.tuned]
        accuracies = [run.measurement.accuracy.accuracy for run in runs]
        seconds = max((run.seconds for run in runs), default=0)
        yield f"{mean(accuracies):.1%}, at most {seconds:.0f} s" if runs else "-"
    yield f"{mean(base.pictures_per_s for base in bases):,.0f}"
    yield f"{mean(ocr.pictures_per_s for ocr in ocrs):,.0f}" if ocrs else "-"


def _format_tuned(tuned: Tuned) -> str:
    published = "" if tuned.is_published else ", nothing published"
    return f"{tuned.measurement.accuracy.accuracy:.1%}, {tuned.seconds:.0f} s{published}"


def _format_accuracy(measurement: Measurement | None) -> str:
    return f"{measurement.accuracy.accuracy:.1%}" if measurement else "-"


def _format_speed(measurement: Measurement | None) -> str:
    return f"{measurement.pictures_per_s:,.0f}" if measurement else "-"


def list_misses(results: Sequence[Result]) -> Mapping[str, list[str]]:
    """Return the designs that ddddocr predicts as well, and those that a training made worse."""
    behind, worse = [], []
    for result in results:
        if result.base is None:
            continue
        accuracy = result.base.accuracy.accuracy
        if result.ocr and accuracy <= result.ocr.accuracy.accuracy:
            behind.append(result.design.name)
        for budget, tuned in result.tuned.items():
            if tuned.measurement.accuracy.accuracy < accuracy:
                worse.append(f"{result.design.name} with {budget}")
    return {"not above ddddocr": behind, "worse than without a training": worse}
