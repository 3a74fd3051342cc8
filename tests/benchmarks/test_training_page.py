"""How runs of the trainer and rates of captchas become the tables of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks.page import PAGE, replace_section
from tests.benchmarks.runs import Run
from tests.benchmarks.training import choose_target
from tests.benchmarks.training_page import (
    COURSE,
    DEFAULT,
    LIBRARY,
    NPZ,
    TARGET,
    ZIP,
    Outcome,
    compare,
    rate_ratios,
    rate_rows,
    training_rows,
    write_section,
)


def figures(accuracy: float) -> dict[str, Any]:
    interval = [accuracy - 0.01, accuracy + 0.01]
    return {"accuracy": accuracy, "accuracy_interval_95": interval, "n": 5000}


def run(
    accuracy: float = 0.4, train_s: float = 100.0, validation: float = 0.4,
    drawings: tuple[str, ...] = ("current",),
) -> Run:  # fmt: skip
    metrics = figures(accuracy) | {
        "by_origin": {drawing: figures(accuracy) for drawing in drawings},
        "train_s": train_s,
        "images_per_s": 1234.5,
        "passes": 10,
        "ended_because": "all 10 passes are done",
    }
    return Run(train_s + 20, 9.0, metrics, 8, train_s * 0.8, validation)


def outcome(**runs: Run) -> Outcome:
    names = {"course": COURSE, "default": DEFAULT, "target": TARGET}
    commands = {names[key]: f"python -m trainer {key}" for key in runs}
    return Outcome(
        rates={LIBRARY: [100.0], NPZ: [200.0], ZIP: [150.0]},
        commands=commands,
        runs={names[key]: value for key, value in runs.items()},
        target=0.4,
    )


def test_a_rate_is_the_median_of_the_rounds_with_the_worst_and_the_best() -> None:
    rates = {LIBRARY: [300.0, 100.0, 200.0], NPZ: [1500.0]}
    assert rate_rows(rates) == [f"| {LIBRARY} | 200 (100 to 300) |", f"| {NPZ} | 1,500 |"]


def test_a_slow_minute_that_slows_both_leaves_their_ratio_as_it_is() -> None:
    rates = {LIBRARY: [100.0, 10.0, 100.0], NPZ: [200.0, 20.0, 210.0]}
    assert rate_ratios(rates) == ["| generator (npz) / library | 2.00 (2.00 to 2.10) | 1.8 |"]


def test_only_the_npz_has_a_wanted_ratio() -> None:
    assert rate_ratios({LIBRARY: [100.0], ZIP: [150.0]}) == [
        "| generator (zip) / library | 1.50 |  |"
    ]
    assert rate_ratios({NPZ: [1.0]}) == []


def test_a_training_tested_on_two_drawings_has_a_line_for_both_and_one_for_each() -> None:
    lines = training_rows(outcome(default=run(0.99, drawings=("current", "classic"))))
    right = "99.00% | 98.00% to 100.00% | 5,000 |"
    assert lines == [
        f"| {DEFAULT}: `python -m trainer default` | 120.0 | 9 | 100.0 | 1,234 | 10"
        f" | `current` and `classic` | {right}",
        f"|  |  |  |  |  |  | `current` | {right}",
        f"|  |  |  |  |  |  | `classic` | {right}",
    ]


def test_a_training_tested_on_one_drawing_has_one_line_that_names_it() -> None:
    (line,) = training_rows(outcome(course=run()))
    assert "| `current` | 40.00% |" in line


def test_a_training_that_failed_stands_there_with_its_last_words() -> None:
    found = outcome()
    found.commands[DEFAULT] = "python -m trainer"
    found.failed[DEFAULT] = "ended with exit code 1, its last words: read a|b\nwrong"
    assert training_rows(found) == [
        f"| {DEFAULT}: `python -m trainer` | failed: ended with exit code 1,"
        " its last words: read a\\|b wrong |"
    ]


def test_the_time_to_the_accuracy_of_the_course_is_told_in_three_ways() -> None:
    text = "\n".join(compare(outcome(course=run(train_s=880), target=run(0.41, 20, 0.42))))
    assert "| to 40.00% |" in text
    assert "| seconds of training | 880.0 | 20.0 | 44.0 | 20 |" in text
    assert "until its best pass | 704.0 | 20.0 | 35.2 | 20 |" in text
    assert "| seconds of the whole program | 900.0 | 40.0 | 22.5 | 20 |" in text
    assert "after pass 8 at 42.00% of the validation" in text
    assert "it reads 41.00% (40.00% to 42.00%), the course's, best after pass 8 of 10," in text


def test_an_accuracy_that_was_not_reached_gives_no_ratio() -> None:
    (line,) = compare(outcome(course=run(), target=run(validation=0.39)))
    assert "not known, after 100.0 s of training our network read 39.00%" in line
    assert "less than 40.00% (all 10 passes are done)" in line


def test_a_validation_of_just_the_share_that_the_course_has_read_reaches_the_target() -> None:
    for correct in (0, 1, 1687, 4999):
        target = choose_target(correct / 5000)
        assert float(np.float32(max(correct, 1)) / np.float32(5000)) >= target
        assert float(np.float32(max(correct, 1) - 1) / np.float32(5000)) < target


def test_without_one_of_the_two_trainings_there_is_no_ratio() -> None:
    assert "a training failed" in compare(outcome(course=run()))[0]
    assert "a training failed" in compare(outcome(target=run()))[0]


def test_the_section_has_all_tables_and_fits_between_the_markers() -> None:
    section = write_section(outcome(course=run(), target=run(train_s=5.0)), "a machine", "Once.")
    assert section.startswith("`make bench-training` on a machine. Once.\n\n| captchas drawn by |")
    assert section.count("\n|---|") == 4
    page = replace_section(PAGE.read_text(), "training", section)
    assert f"<!-- training:begin -->\n{section}\n<!-- training:end -->" in page
