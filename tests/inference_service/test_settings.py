from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference_service.settings import Settings
from shared.settings import SettingsError


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_the_defaults_serve_openvino_on_the_port_of_the_course(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch)
    assert (settings.engine, settings.inference_port) == ("openvino", 5000)
    assert settings.versions_dir == Path("models/captcha")
    assert settings.log_requests == "problems"


def test_every_setting_is_read_from_the_variable_of_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = {
        "ENGINE": "tensorflow",
        "MODELS_DIR": "/m",
        "BUNDLED_MODEL": "off",
        "MAX_BATCH_SIZE": "5",
        "MAX_QUEUE_SIZE": "7",
        "LOG_REQUESTS": "all",
        "MODEL_POLL_S": "0.25",
        "GENERATOR_URL": "http://generator:8000",
        "GENERATOR_POLL_S": "0.75",
        "DRAIN_S": "2.5",
        "INFERENCE_HOST": "0.0.0.0",
        "INFERENCE_PORT": "5001",
    }
    settings = load(monkeypatch, **environment)
    assert settings.model_dump() == {
        "engine": "tensorflow",
        "models_dir": Path("/m"),
        "bundled_model": None,
        "max_batch_size": 5,
        "max_queue_size": 7,
        "log_requests": "all",
        "model_poll_s": 0.25,
        "generator_url": "http://generator:8000",
        "generator_poll_s": 0.75,
        "drain_s": 2.5,
        "inference_host": "0.0.0.0",
        "inference_port": 5001,
    }


def test_the_default_batch_size_depends_on_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).max_batch_size == 8
    assert load(monkeypatch, ENGINE="tensorflow").max_batch_size == 32
    assert load(monkeypatch, ENGINE="tensorflow", MAX_BATCH_SIZE="").max_batch_size == 32


def test_the_bundled_model_can_be_replaced_or_disabled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packaged = load(monkeypatch).bundled_model
    assert packaged is not None
    assert (packaged / "0" / "manifest.json").is_file()
    assert load(monkeypatch, BUNDLED_MODEL="").bundled_model == packaged
    (tmp_path / "0").mkdir()
    assert load(monkeypatch, BUNDLED_MODEL=str(tmp_path)).bundled_model == tmp_path
    assert load(monkeypatch, BUNDLED_MODEL="off").bundled_model is None


def test_the_generator_of_make_local_is_the_default_and_can_be_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load(monkeypatch).generator_url == "http://127.0.0.1:8000"
    assert load(monkeypatch, GENERATOR_URL="").generator_url == "http://127.0.0.1:8000"
    assert load(monkeypatch, GENERATOR_URL="off").generator_url is None
    assert load(monkeypatch, GENERATOR_URL="https://g.example/x").generator_url is not None


@pytest.mark.parametrize("url", ["generator:8000", "ftp://g", "http://", "http://g:x", "http://["])
def test_an_invalid_address_of_the_generator_is_an_error(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    message = f"GENERATOR_URL: must be off or a URL such as http://host:port, not {url!r}"
    with pytest.raises(SettingsError, match=re.escape(message)):
        load(monkeypatch, GENERATOR_URL=url)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ENGINE", "onnx", "ENGINE: Input should be 'openvino' or 'tensorflow', not 'onnx'"),
        ("MAX_BATCH_SIZE", "0", "MAX_BATCH_SIZE: Input should be greater than or equal to 1"),
        ("MAX_BATCH_SIZE", "1025", "MAX_BATCH_SIZE: Input should be less than or equal to 1024"),
        ("MAX_QUEUE_SIZE", "0", "MAX_QUEUE_SIZE: Input should be greater than or equal to 1"),
        ("LOG_REQUESTS", "some", "LOG_REQUESTS: Input should be 'all' or 'problems', not 'some'"),
        (
            "BUNDLED_MODEL",
            "none",
            "BUNDLED_MODEL: must be off or a directory that contains version 0, not 'none'",
        ),
        ("MODEL_POLL_S", "0", "MODEL_POLL_S: Input should be greater than or equal to 0.05"),
        ("MODEL_POLL_S", "3601", "MODEL_POLL_S: Input should be less than or equal to 3600"),
        (
            "GENERATOR_POLL_S",
            "0",
            "GENERATOR_POLL_S: Input should be greater than or equal to 0",
        ),
        ("GENERATOR_POLL_S", "3601", "GENERATOR_POLL_S: Input should be less than or equal to 36"),
        ("DRAIN_S", "-1", "DRAIN_S: Input should be greater than or equal to 0"),
        ("DRAIN_S", "61", "DRAIN_S: Input should be less than or equal to 60"),
        ("INFERENCE_PORT", "65536", "INFERENCE_PORT: Input should be less than or equal to 65535"),
        ("INFERENCE_PORT", "0", "INFERENCE_PORT: Input should be greater than or equal to 1"),
    ],
)
def test_an_invalid_setting_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        load(monkeypatch, **{name: value})
