from __future__ import annotations

from pathlib import Path

import pytest

from inference_service.settings import Settings
from shared.environment import SettingsError


def test_the_defaults_serve_openvino_on_the_course_port() -> None:
    settings = Settings.from_environment({})
    assert (settings.engine, settings.port) == ("openvino", 5000)
    assert settings.models == Path("models/captcha")


def test_each_engine_has_the_batches_that_suit_it() -> None:
    openvino = Settings.from_environment({})
    assert (openvino.max_batch, openvino.batch_delay_s) == (8, 0.0)
    tensorflow = Settings.from_environment({"ENGINE": "tensorflow"})
    assert (tensorflow.max_batch, tensorflow.batch_delay_s) == (32, 0.002)
    chosen = Settings.from_environment({"MAX_BATCH": "4", "BATCH_DELAY_MS": "0.5"})
    assert (chosen.max_batch, chosen.batch_delay_s) == (4, 0.0005)


def test_the_box_comes_along_and_can_be_replaced_or_switched_off(tmp_path: Path) -> None:
    packaged = Settings.from_environment({}).box
    assert packaged is not None
    assert (packaged / "0" / "manifest.json").is_file()
    assert Settings.from_environment({"MODEL_BOX": ""}).box == packaged
    (tmp_path / "0").mkdir()
    assert Settings.from_environment({"MODEL_BOX": str(tmp_path)}).box == tmp_path
    assert Settings.from_environment({"MODEL_BOX": "off"}).box is None


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ENGINE": "onnx"}, "ENGINE must be one of openvino, tensorflow, not 'onnx'"),
        ({"INFERENCE_THREADS": "0"}, "INFERENCE_THREADS must be from 1 to 256, not 0"),
        (
            {"MODEL_BOX": "none"},
            "MODEL_BOX must be off or a directory that holds a version 0, not 'none'",
        ),
        ({"MODEL_POLL_S": "0"}, "MODEL_POLL_S must be from 0.05 to 3600, not 0"),
    ],
)
def test_a_wrong_setting_names_its_key(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_environment(environment)
