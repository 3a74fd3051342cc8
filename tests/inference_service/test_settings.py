from __future__ import annotations

from pathlib import Path

import pytest

from inference_service.settings import Settings
from shared.environment import SettingsError


def test_the_defaults_serve_openvino_on_the_course_port() -> None:
    settings = Settings.from_environment({})
    assert (settings.engine, settings.port) == ("openvino", 5000)
    assert settings.models == Path("models/captcha")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ENGINE": "onnx"}, "ENGINE must be one of openvino, tensorflow, not 'onnx'"),
        ({"INFERENCE_THREADS": "0"}, "INFERENCE_THREADS must be from 1 to 256, not 0"),
        ({"MODEL_POLL_S": "0"}, "MODEL_POLL_S must be from 0.05 to 3600, not 0"),
    ],
)
def test_a_wrong_setting_names_its_key(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_environment(environment)
