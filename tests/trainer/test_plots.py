"""Pictures: what is drawn by another program can fail, and must not take a training with it."""

from __future__ import annotations

import logging
import shutil
import string
from pathlib import Path

import keras
import pytest
from PIL import Image

from shared.spec import CaptchaSpec
from trainer.networks import NETWORKS
from trainer.plots import draw_network

LETTERS = CaptchaSpec(string.digits + string.ascii_uppercase)


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
