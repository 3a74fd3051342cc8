"""Measurements become the tables of docs/benchmarks.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shared.versions.manifest import Accuracy, Metrics
from tests.benchmarks import batches, page, rendering, serving, training
from tests.benchmarks.servers import CONSTANT, COURSE, DDDDOCR, GATEWAY, REPLICA
from tests.benchmarks.serving import Result
from tests.benchmarks.training import TrainerRun
from tests.load import Report
from trainer.config import TrainingConfig, read_preset


def create_result(*rates: int) -> Result:
    reports = [Report(1.0, [0.01] * rate) for rate in rates]
    return Result({8: reports}, memory_mb=[100.0], ready_s=[1.0])


def create_run(accuracy: float, training_s: float, validation_accuracy: float) -> TrainerRun:
    measured = Accuracy(accuracy=accuracy, accuracy_interval_95=(0.3, 0.5), n=5000)
    metrics = Metrics(
        **measured.model_dump(), by_subset={"current": measured}, character_accuracy=0.9,
        most_confused=[], parameters=1, training_s=training_s, images_per_s=1.0, epochs=10,
        stop_reason="all 10 epochs are done",
    )  # fmt: skip
    return TrainerRun(training_s + 20, training_s * 0.8, validation_accuracy, metrics)


def test_a_row_contains_the_median_of_the_rounds_and_the_spread() -> None:
    (row,) = serving.format_rows("ours", create_result(100, 900, 300))
    assert row[:4] == ["ours", "8", "300.0 (100.0 to 900.0)", "10.0"]
    assert row[6:] == ["0.0%", "0", "100", "1.0"]


def test_wrong_and_failed_responses_are_counted_separately() -> None:
    problems = Counter({"wrong text": 10, "connection lost": 2})
    assert serving.format_load([Report(1.0, [0.01] * 200, Counter(), problems)])[3:] == [
        "5.0%",
        "2",
    ]
    lost = Report(1.0, [], Counter(), Counter({"cannot connect": 3}))
    assert serving.format_load([lost]) == ["-", "-", "-", "-", "3"]


def test_the_replica_is_compared_with_the_other_servers() -> None:
    rates = {COURSE: 8, DDDDOCR: 80, CONSTANT: 8000, REPLICA: 800, GATEWAY: 720}
    results = {name: create_result(rate) for name, rate in rates.items()}
    assert [value for _, value in serving.compare(results)] == ["100", "10", "0.1", "10.0%"]


def test_the_images_of_batches_are_counted_and_compared_at_their_best() -> None:
    problems = Counter({"1 wrong texts": 5, "3 wrong texts": 1, "status 502": 10})
    row = batches.to_row(Report(2.0, [0.01] * 60, Counter(), problems), 16)
    assert row == batches.Row(400.0, 0.01, 10)
    single = batches.to_row(Report(2.0, [0.01] * 60, Counter(), Counter({"wrong text": 3})), 1)
    assert single == batches.Row(30.0, 0.05, 0)
    rates = {("single requests", 1): 500.0, ("single requests", 8): 800.0}
    rates |= {("batches of 64", 8): 1200.0, (batches.DDDDOCR_LOOP, 0): 100.0}
    results = {key: [batches.Row(rate, 0.01, 0)] for key, rate in rates.items()}
    assert [value for _, value in batches.compare(results)] == ["1.5", "12"]
    *_, loop = batches.format_rows(results)
    assert loop[1:] == ["-", "100", "1.0%", "0"]


def test_rendering_is_compared_within_each_round() -> None:
    rates = {rendering.LIBRARY: [100.0, 10.0], rendering.NPZ: [200.0, 20.0]}
    assert rendering.format_rates(rates)[1][2] == "2.00 (2.00 to 2.00)"


def test_the_time_to_the_accuracy_of_the_course_needs_a_validation_that_reaches_it() -> None:
    course = create_run(0.4, 880, 0.4)
    table = training.compare({training.COURSE: course, training.TARGET: create_run(0.4, 20, 0.42)})
    assert "| 880.0 | 20.0 | 44.0 |" in table
    assert "| 704.0 | 20.0 | 35.2 |" in table
    unreached = {training.COURSE: course, training.TARGET: create_run(0.4, 20, 0.39)}
    assert "only reached 39.00%" in training.compare(unreached)


def test_a_validation_with_as_many_correct_captchas_as_the_course_reaches_the_target() -> None:
    for correct in (1, 1687, 4999):
        target = training.choose_target(create_run(correct / 5000, 1, 0))
        assert np.float32(correct - 1) / np.float32(5000) < target
        assert np.float32(correct) / np.float32(5000) >= target


def test_the_training_until_the_accuracy_of_the_course_has_its_captchas() -> None:
    course = TrainingConfig.model_validate(read_preset(training.COURSE))
    ours = TrainingConfig.model_validate(read_preset(training.TARGET) | {"target_accuracy": 0.3})
    assert (ours.network, ours.init) == ("compact", "scratch")
    assert (ours.captchas, ours.styles) == (course.captchas, course.styles)
    assert ours.confusable_fraction == course.confusable_fraction
    assert (ours.validation_captchas, ours.test_captchas) == (5_000, course.test_captchas)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("preset", [training.COURSE, training.TARGET, training.DEFAULT])
def test_every_training_publishes_its_model_however_accurate_it_is(
    preset: str, small: bool, tmp_path: Path
) -> None:
    written = read_preset(training.write_preset(preset, tmp_path, small=small))
    assert TrainingConfig.model_validate(written).publish_worse
    assert small or written == read_preset(preset) | {"publish_worse": True}


@pytest.mark.parametrize("name", ["serving", "training"])
def test_only_the_section_of_a_benchmark_is_replaced(name: str) -> None:
    before, begin, rest = page.PAGE.read_text().partition(f"<!-- {name}:begin -->")
    after = rest.partition(f"<!-- {name}:end -->")[2]
    changed = page.replace_section(page.PAGE.read_text(), name, "new")
    assert changed == f"{before}{begin}\nnew\n<!-- {name}:end -->{after}"
