"""The quality gate: on the whole test set, and on each subset."""

from __future__ import annotations

import numpy as np
import pytest

from shared.versions.manifest import Accuracy, Metrics
from tests.shared.sample_manifest import sample_metrics
from trainer.evaluation.accuracy import measure_accuracy
from trainer.evaluation.quality_gate import describe_accuracy, find_failure


def score(correct: int, n: int) -> Accuracy:
    return measure_accuracy(np.arange(n) < correct)


def build(whole: Accuracy, **subsets: Accuracy) -> Metrics:
    return sample_metrics(**whole.model_dump(), by_subset=subsets)


def test_the_accuracy_is_described_with_its_interval() -> None:
    metrics = sample_metrics(accuracy=0.98765, accuracy_interval_95=(0.9854, 0.98956), n=10_000)
    assert describe_accuracy(metrics) == (
        "exact-match accuracy 98.77% on 10,000 test captchas (95 % interval 98.54% to 98.96%)"
    )


@pytest.mark.parametrize(
    ("correct", "n", "min_accuracy", "missing"),
    [
        (7, 100, 0.07, None),  # 0.07 * 100 is more than 7 in floating point
        (6, 100, 0.07, 1),
        (98, 100, 0.98, None),
        (97, 100, 0.98, 1),
        (90, 100, 0.95, 5),
        (0, 100, 0.0, None),
        (100, 100, 1.0, None),
        (99, 100, 1.0, 1),
        (199, 201, 0.995, 1),  # 199.995 captchas
        (0, 12_345, 0.5, 6_173),  # 6172.5 captchas
    ],
)
def test_a_model_fails_below_the_required_accuracy(
    correct: int, n: int, min_accuracy: float, missing: int | None
) -> None:
    metrics = build(score(correct, n))
    failure = find_failure(metrics, min_accuracy)
    if missing is None:
        assert failure is None
    else:
        assert failure == (
            f"{describe_accuracy(metrics)} is {missing:,} captchas below the required"
            f" {min_accuracy:.2%}"
        )


def test_a_subset_that_is_certainly_below_the_required_accuracy_fails_the_gate() -> None:
    metrics = build(score(9_990, 10_000), current=score(9_950, 9_950), folder=score(10, 50))
    assert find_failure(metrics, 0.9) == (
        "exact-match accuracy 20.00% on the 50 test captchas of the subset 'folder' is below the"
        " required 90.00%"
    )


def test_the_number_of_captchas_of_a_subset_is_grouped_by_thousands() -> None:
    metrics = build(score(9_500, 10_000), current=score(0, 1_234))
    failure = find_failure(metrics, 0.9)
    assert failure is not None
    assert "0.00% on the 1,234 test captchas of the subset 'current'" in failure


def test_a_subset_that_may_have_the_required_accuracy_passes() -> None:
    # 40 of 50 is 67 % to 89 %.
    metrics = build(score(9_990, 10_000), current=score(9_950, 9_950), folder=score(40, 50))
    _, high = metrics.by_subset["folder"].accuracy_interval_95
    assert 0.8 < high < 0.9
    assert find_failure(metrics, high) is None
    assert find_failure(metrics, high + 1e-9) is not None


def test_the_whole_test_set_is_checked_first() -> None:
    metrics = build(score(50, 100), current=score(0, 50))
    failure = find_failure(metrics, 0.9)
    assert failure is not None
    assert failure.startswith("exact-match accuracy 50.00% on 100 test captchas")


def test_every_subset_is_checked() -> None:
    metrics = build(score(99, 100), a=score(50, 50), b=score(0, 50), c=score(50, 50))
    assert "'b'" in (find_failure(metrics, 0.9) or "")
