"""Measurements become the table; a design that fails stays in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.captchas.restriction import Restriction
from shared.versions.manifest import Accuracy
from tests.benchmarks.designs.__main__ import measure_design, share_cores
from tests.benchmarks.designs.accuracy import Measurement
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.design import Design
from tests.benchmarks.designs.table import Budget, Result, Tuned, format_results, list_misses
from tests.benchmarks.page import PAGE, replace_section

OWN = Design("misprint", "abc", 3, 8)
PUBLISHED = Design("captchapng", "0123456789", 4, 4, npm=("captchapng@0.0.1",))


def create_measurement(accuracy: float, pictures_per_s: float = 100) -> Measurement:
    interval = (accuracy - 0.01, accuracy + 0.01)
    measured = Accuracy(accuracy=accuracy, accuracy_interval_95=interval, n=1000)
    return Measurement(measured, pictures_per_s)


class Echo:
    """A recogniser that gives the same answer for every picture."""

    def __init__(self, text: str) -> None:
        self._text = text

    def predict(self, files: Sequence[bytes], restriction: Restriction) -> list[str | None]:
        return [self._text] * len(files)


def test_a_row_shows_the_design_and_both_recognisers() -> None:
    result = Result(OWN, create_measurement(0.95, 1234), create_measurement(0.5, 80))
    table = format_results([result], budgets=[])
    row = "| `misprint`, our own | 3 | 3 to 8 | 95.0% | 94.0% to 96.0% | 50.0% | 1,234 | 80 |"
    assert row in table.splitlines()


def test_a_design_that_was_not_measured_keeps_its_row_and_is_not_in_the_average() -> None:
    failed = Result(PUBLISHED, failure="node is not installed")
    results = [Result(OWN, create_measurement(0.9), create_measurement(0.4)), failed]
    *_, row, average = format_results(results, budgets=[Budget(300)]).splitlines()
    assert row.startswith("| `captchapng` | 10 | 4 | not measured: node is not installed |")
    assert average.startswith("| average, 1 designs |")
    assert "| 90.0% |" in average
    assert len({line.count("|") for line in (row, average)}) == 1


def test_designs_with_an_effect_of_the_training_style_are_averaged_with_and_without() -> None:
    shared = Design("hatched_arc", "abc", 6, 6, effect_in_style=True)
    ocr = create_measurement(0.4)
    results = [
        Result(OWN, create_measurement(0.9), ocr),
        Result(shared, create_measurement(0.8), ocr),
    ]
    *_, row, average, held_out = format_results(results, budgets=[]).splitlines()
    assert row.startswith("| `hatched_arc`, our own, effect in the style |")
    assert "| average, 2 designs |  |  | 85.0% |" in average
    assert "average without effects of the style, 1 designs |  |  | 90.0% |" in held_out


def test_a_training_shows_accuracy_time_and_whether_a_version_was_published() -> None:
    base, ocr = create_measurement(0.9), create_measurement(0.4)
    first = Result(OWN, base, ocr, {Budget(300): Tuned(create_measurement(0.97), 60.4, True)})
    second = Result(PUBLISHED, base, ocr, {Budget(300): Tuned(base, 100.0, False)})
    lines = format_results([first, second], budgets=[Budget(300)]).splitlines()
    assert "| 97.0%, 60 s |" in lines[2]
    assert "| 90.0%, 100 s, nothing published |" in lines[3]
    assert "| 93.5%, at most 100 s |" in lines[4]


def test_misses_name_the_designs() -> None:
    base, ocr = create_measurement(0.9), create_measurement(0.9)
    worse = Tuned(create_measurement(0.89), 60, True)
    better = Tuned(create_measurement(0.91), 60, True)
    results = [
        Result(OWN, base, ocr, {Budget(300): worse, Budget(1000, has_labels=False): better}),
        Result(PUBLISHED, base, create_measurement(0.8), {Budget(300): better}),
        Result(PUBLISHED, failure="node is not installed"),
    ]
    assert list_misses(results) == {
        "not above ddddocr": ["misprint"],
        "worse than without a training": ["misprint with 300 labels"],
    }


def test_a_failing_generator_does_not_stop_the_other_designs(cache: Path) -> None:
    own = next(design for design in DESIGNS if design.name == "inverted_checks")
    broken = Design("captchapng", "01", 4, 4, fonts=("Missing.ttf",), npm=("captchapng@0",))
    echoes = [Echo("0"), Echo(own.draw_texts(1, 6_000_003)[0])]
    results = [
        measure_design(design, 2, cache, core=0, base=Echo("1"), ocrs=echoes)
        for design in (broken, own)
    ]
    assert "Missing.ttf" in results[0].failure
    assert results[1].base.accuracy.accuracy == 0
    assert results[1].ocr.accuracy.accuracy == 0.5  # of the better model
    table = format_results(results, budgets=[])
    assert "not measured: " in table
    assert "| `inverted_checks`, our own, effect in the style | 10 | 4 to 6 | 0.0% |" in table


def test_the_page_has_a_section_for_the_table() -> None:
    page = PAGE.read_text()
    assert "designs.png" in page
    changed = replace_section(page, "designs", "new")
    assert "<!-- designs:begin -->\nnew\n<!-- designs:end -->" in changed


def test_jobs_share_the_cores() -> None:
    assert share_cores([0, 1, 2, 5], 1) == [{0, 1, 2, 5}]
    assert share_cores([0, 1, 2, 5], 2) == [{0, 2}, {1, 5}]
    assert share_cores([4], 2) == [{4}]
