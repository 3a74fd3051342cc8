from __future__ import annotations

import pytest

from shared.versions.manifest import Accuracy
from trainer.audit.results import CurvePoint, Init
from trainer.audit.thresholds import Limit, find_accuracy, find_images_needed


def point(labels: int, accuracy: float, init: Init = "bundled") -> CurvePoint:
    measured = Accuracy(accuracy=accuracy, accuracy_interval_95=(0, 1), n=2_000)
    return CurvePoint(labels=labels, init=init, accuracy=measured, steps=1, train_cpu_s=1)


def needed(curve: list[CurvePoint], init: Init = "bundled") -> dict[float, int | None]:
    return {n.rate: n.images for n in find_images_needed(curve) if n.init == init}


def test_images_needed_are_interpolated_over_the_logarithm() -> None:
    curve = [point(0, 0.0), point(100, 0.4), point(1_000, 0.6)]

    # 0.5 is half of the way from 100 to 1,000 on a logarithmic scale.
    assert needed(curve) == {0.01: 100, 0.1: 100, 0.5: 316, 0.9: None}


def test_no_images_are_needed_for_what_the_bundled_model_predicts_already() -> None:
    assert needed([point(0, 0.95), point(100, 0.93)]) == {0.01: 0, 0.1: 0, 0.5: 0, 0.9: 0}


def test_a_training_that_makes_the_attacker_worse_does_not_count() -> None:
    curve = [point(100, 0.6), point(250, 0.3), point(500, 0.95)]

    images = needed(curve)

    assert images[0.5] == 100
    assert images[0.9] is not None
    assert 250 < images[0.9] < 500


def test_each_initialisation_has_a_curve_of_its_own() -> None:
    curve = [point(0, 0.95), point(100, 0.2, "scratch")]

    assert needed(curve, "scratch") == {0.01: 100, 0.1: 100, 0.5: None, 0.9: None}


@pytest.mark.parametrize(
    ("images", "accuracy"),
    [(0, 0.1), (1, 0.2), (99, 0.2), (100, 0.2), (1_000, 0.4), (10_000, 0.6), (99_999, 0.6)],
)
def test_the_accuracy_is_that_of_the_best_attacker_with_so_many_images(
    images: int, accuracy: float
) -> None:
    curve = [point(0, 0.1), point(100, 0.2), point(10_000, 0.6), point(100, 0.05, "scratch")]

    assert find_accuracy(curve, images) == pytest.approx(accuracy)


def test_without_images_an_attacker_that_needs_them_predicts_nothing() -> None:
    assert find_accuracy([point(100, 0.9, "scratch")], 0) == 0


def test_below_the_first_trained_attacker_its_accuracy_counts() -> None:
    curve = [point(0, 0.0), point(100, 0.6)]

    assert Limit.parse("0.01@99").is_exceeded(curve)
    assert not Limit.parse("0.01@0").is_exceeded(curve)
    assert find_accuracy([point(100, 0.9, "scratch")], 50) == 0.9


def test_a_limit_is_exceeded_above_its_rate_only() -> None:
    curve = [point(0, 0.01), point(1_000, 0.2)]

    assert Limit.parse("0.01@1000").is_exceeded(curve)
    assert not Limit.parse("0.01@0").is_exceeded(curve)
    assert str(Limit.parse("0.010@1000")) == "0.01@1000"


@pytest.mark.parametrize("text", ["0.01", "@1000", "1@", "1.0@10", "1.5@10", "0.1.2@5", "-0.1@5"])
def test_an_invalid_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="RATE@IMAGES"):
        Limit.parse(text)
