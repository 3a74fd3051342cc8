"""The networks are the same for every `image_data_format` in `keras.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import json
import keras
import numpy as np
from shared.captchas.spec import CaptchaSpec
from trainer.networks import NETWORKS, build_recogniser

found = {"image_data_format": keras.config.image_data_format()}
spec = CaptchaSpec("01", 2, 36, 20)
images = np.random.default_rng(0).integers(256, size=(2, 20, 36), dtype=np.uint8)
for name in NETWORKS:
    keras.utils.set_random_seed(1)
    recogniser = build_recogniser(name, spec, (32, 18))
    layers = [(layer.name, layer.output.shape[1:]) for layer in recogniser.get_layer(name).layers]
    found[name] = [layers, recogniser(images).numpy().round(4).tolist()]
print(json.dumps(found))
"""


def build_networks(home: Path, order: str) -> dict[str, object]:
    home.mkdir()
    (home / "keras.json").write_text(json.dumps({"image_data_format": order}))
    environment = os.environ | {"KERAS_HOME": str(home), "KERAS_BACKEND": "tensorflow"}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=environment, cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_every_network_ignores_channels_first(tmp_path: Path) -> None:
    first = build_networks(tmp_path / "first", "channels_first")
    last = build_networks(tmp_path / "last", "channels_last")
    assert first.pop("image_data_format") == "channels_first"
    assert last.pop("image_data_format") == "channels_last"
    assert len(first) >= 6
    assert first == last
