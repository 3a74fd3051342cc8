"""A spoken captcha is read, kept and drawn."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import check_figure
from trainer.course.illustrations.sound import draw_sound, read_wav
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource
from trainer.errors import GeneratorError


def write_wav(frames: bytes, sample_bytes: int, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setsampwidth(sample_bytes)
        file.setnchannels(channels)
        file.setframerate(8_000)
        file.writeframes(frames)
    return out.getvalue()


class SpeakingClient:
    """Answers every request with one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.requests: list[tuple[str, dict[str, str | int]]] = []

    def get(self, route: str, parameters: dict[str, str | int]) -> bytes:
        self.requests.append((route, parameters))
        return self._content


def build_workspace(directory: Path, client: SpeakingClient) -> CourseWorkspace:
    source = CaptchaSource(SPEC, {}, "renderer")
    return CourseWorkspace(directory, client, source, "tiny")  # type: ignore[arg-type]


def test_samples_of_8_bits_are_unsigned() -> None:
    sound = read_wav(write_wav(bytes([128, 0, 255, 192]), 1))
    assert sound.samples == pytest.approx(np.array([0, -1, 127 / 128, 0.5]))
    assert sound.samples_per_s == 8_000
    assert sound.duration_s == 4 / 8_000


def test_samples_of_16_bits_are_signed_and_the_first_channel_is_read() -> None:
    frames = np.array([0, 7, -32_768, 7, 16_384, 7], "<i2").tobytes()
    assert read_wav(write_wav(frames, 2, channels=2)).samples == pytest.approx([0, -1, 0.5])


def test_a_file_with_other_samples_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"^it has 24 bits per sample, not 8 or 16$"):
        read_wav(write_wav(bytes(6), 3))


def test_the_recording_is_kept_and_drawn(tmp_path: Path) -> None:
    times = np.arange(8_000) / 8_000
    tone = (128 + 100 * np.sin(2 * np.pi * 440 * times) * (times > 0.5)).astype(np.uint8)
    content = write_wav(tone.tobytes(), 1)
    client = SpeakingClient(content)
    recording, figure = draw_sound(build_workspace(tmp_path, client))
    assert client.requests == [("/captcha.wav", {"text": "2140", "seed": 1})]
    assert recording == tmp_path / "sound" / "2140.wav"
    assert recording.read_bytes() == content
    check_figure(figure)


def test_an_answer_that_is_no_recording_is_an_error(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path, SpeakingClient(b"not a recording"))
    with pytest.raises(GeneratorError, match=r"^/captcha\.wav cannot be read: it is not a WAV"):
        draw_sound(workspace)
    assert list(tmp_path.rglob("*.wav")) == []
