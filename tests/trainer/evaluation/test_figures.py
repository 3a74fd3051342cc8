"""Pictures: what is drawn by another program can fail, and must not take a training with it."""

from __future__ import annotations

import logging
import shutil
import string
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from shared.spec import CaptchaSpec
from trainer.networks import NETWORKS
from trainer.plots import draw_network, pick_shown

LETTERS = CaptchaSpec(string.digits + string.ascii_uppercase)


def test_misread_captchas_are_shown_first_in_half_of_the_places_and_from_everywhere() -> None:
    right = np.ones(1_000, bool)
    right[::10] = False
    shown = pick_shown(right, 24)
    assert len(set(shown)) == 24
    assert not right[shown[:12]].any()
    assert right[shown[12:]].all()
    for part in (shown[:12], shown[12:]):
        assert part.min() < 20
        assert part.max() > 980


@pytest.mark.parametrize(("wrong", "places"), [(0, 24), (3, 24), (30, 24), (3, 2)])
def test_places_are_filled_if_there_are_captchas_for_them(wrong: int, places: int) -> None:
    right = np.arange(30) >= wrong
    shown = pick_shown(right, places)
    assert len(set(shown)) == min(places, 30 - wrong + min(wrong, places // 2))
    assert (~right[shown]).sum() == min(wrong, places // 2)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_can_be_drawn(name: str, tmp_path: Path) -> None:
    # With the edges that Keras asks for, graphviz 2.43 aborts on the wide one.
    target = tmp_path / "network.png"
    draw_network(NETWORKS[name](LETTERS), target)
    with Image.open(target) as picture:
        assert min(picture.size) > 100


@pytest.mark.parametrize(
    "error", [ImportError("no graphviz. Install"), AssertionError("dot: code -6\nmore"), OSError()]
)
def test_a_drawing_that_fails_is_a_line_in_the_log(
    error: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(keras.utils, "plot_model", fail)
    with caplog.at_level(logging.WARNING):
        draw_network(NETWORKS["compact"](CaptchaSpec()), tmp_path / "network.png")
    assert caplog.messages[0].startswith("no drawing of the network")
    assert "\n" not in caplog.messages[0]
