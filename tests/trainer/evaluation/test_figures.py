"""The figures of a report. A figure that cannot be drawn must not end a training."""

from __future__ import annotations

import logging
import math
import os
import shutil
import string
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from shared.captchas.spec import CaptchaSpec
from trainer.data.splits import Split
from trainer.evaluation.accuracy import compare
from trainer.evaluation.figures import (
    choose_gallery,
    plot_confusions,
    plot_curves,
    plot_gallery,
    plot_network,
)
from trainer.networks import NETWORKS
from trainer.training.training_log import Point, RateChange, TrainingHistory

LETTERS = CaptchaSpec(string.digits + string.ascii_uppercase)


def image_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        assert len(image.getcolors(1_000_000) or []) > 10, "the figure is blank"
        return image.size


def history_of(epochs: int, steps_per_epoch: int = 10, *, changes: int = 0) -> TrainingHistory:
    steps = epochs * steps_per_epoch
    return TrainingHistory(
        steps_per_epoch=steps_per_epoch,
        epochs=[
            {
                "epoch": epoch,
                "loss": 1 / epoch,
                "val_loss": 1.5 / epoch,
                "exact_match": 0.5,
                "val_exact_match": 0.6,
            }
            for epoch in range(1, epochs + 1)
        ],
        points=[Point((step + 1) / steps_per_epoch, 1 / (step + 1), 0.01) for step in range(steps)],
        rate_changes=[RateChange(step, 0.01, "a plateau") for step in range(changes)],
    )


@pytest.mark.parametrize(
    "history",
    [
        history_of(1, steps_per_epoch=1),
        history_of(3),
        history_of(2, steps_per_epoch=1_501),
        history_of(2, changes=12),
    ],
    ids=["one step", "three epochs", "many steps", "many changes"],
)
def test_the_curves_of_any_training_are_drawn(history: TrainingHistory, tmp_path: Path) -> None:
    plot_curves(history, tmp_path / "curves.png")
    assert image_size(tmp_path / "curves.png") == (1320, 396)


def test_the_curves_of_a_training_with_an_infinite_loss_are_drawn(tmp_path: Path) -> None:
    history = history_of(2)
    history.points[3] = Point(0.4, math.nan, 0.01)
    history.epochs[0]["val_loss"] = math.inf
    plot_curves(history, tmp_path / "curves.png")
    assert image_size(tmp_path / "curves.png") == (1320, 396)


def test_half_of_the_gallery_is_misclassified_captchas_and_both_halves_are_spread() -> None:
    is_correct = np.ones(1_000, bool)
    is_correct[::10] = False
    chosen = choose_gallery(is_correct, 24)
    assert len(set(chosen.tolist())) == 24
    assert not is_correct[chosen[:12]].any()
    assert is_correct[chosen[12:]].all()
    assert (chosen[0], chosen[11]) == (0, 990)
    assert (chosen[12], chosen[23]) == (1, 999)
    for half in (chosen[:12], chosen[12:]):
        assert (np.diff(half) > 0).all()


@pytest.mark.parametrize(("wrong", "places"), [(0, 24), (3, 24), (30, 24), (3, 2), (1, 100)])
def test_every_place_of_the_gallery_is_used_if_there_are_captchas_for_it(
    wrong: int, places: int
) -> None:
    is_correct = np.arange(30) >= wrong
    chosen = choose_gallery(is_correct, places)
    assert len(set(chosen.tolist())) == len(chosen)
    assert len(chosen) == min(places, 30 - wrong + min(wrong, places // 2))
    assert (~is_correct[chosen]).sum() == min(wrong, places // 2)


def predict_some(spec: CaptchaSpec, count: int) -> tuple[Split, npt.NDArray[np.float32]]:
    """Return a split and probabilities of which about half are correct."""
    rng = np.random.default_rng(1)
    labels = rng.integers(len(spec.charset), size=(count, spec.length)).astype(np.int32)
    images = rng.integers(255, size=(count, spec.height, spec.width), dtype=np.uint8)
    predictions = labels.copy()
    predictions[::2, 0] = (labels[::2, 0] + 1) % len(spec.charset)
    probabilities = np.eye(spec.classes, dtype=np.float32)[predictions]
    return Split(spec, images, labels, (("current", count),)), probabilities


@pytest.mark.parametrize("count", [1, 5, 100])
def test_gallery_and_confusions_of_any_number_of_captchas_are_drawn(
    count: int, tmp_path: Path
) -> None:
    # "$" would start a formula, and the length varies.
    spec = CaptchaSpec("ab$^", length=4, min_length=4 if count == 5 else 2)
    split, probabilities = predict_some(spec, count)
    evaluation = compare(probabilities, split)
    plot_gallery(split, evaluation, tmp_path / "gallery.png")
    plot_confusions(evaluation, tmp_path / "confusions.png")
    assert image_size(tmp_path / "gallery.png") == (1056, 891)
    assert image_size(tmp_path / "confusions.png") == (440, 440)


def test_the_confusions_of_a_large_charset_are_drawn_larger(tmp_path: Path) -> None:
    split, probabilities = predict_some(LETTERS, 50)
    plot_confusions(compare(probabilities, split), tmp_path / "confusions.png")
    assert min(image_size(tmp_path / "confusions.png")) > 1_400


# In CI it runs and fails without graphviz instead of being skipped.
@pytest.mark.skipif(
    shutil.which("dot") is None and not os.environ.get("CI"), reason="graphviz is not installed"
)
@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_is_drawn(name: str, tmp_path: Path) -> None:
    # With the orthogonal lines of Keras' default, graphviz 2.43 aborts on the wide network.
    target = tmp_path / "network.png"
    plot_network(NETWORKS[name](LETTERS), target)
    with Image.open(target) as image:
        assert min(image.size) > 100


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("You must install pydot. See the manual."), "You must install pydot"),
        (AssertionError("dot: code -6\nmore"), "dot: code -6"),
        (OSError("disk full"), "disk full"),
    ],
)
def test_a_network_that_cannot_be_drawn_is_one_line_in_the_log(
    error: Exception,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(keras.utils, "plot_model", fail)
    with caplog.at_level(logging.WARNING):
        plot_network(NETWORKS["compact"](CaptchaSpec()), tmp_path / "network.png")
    assert caplog.messages == [f"the network is not drawn: {reason}"]
