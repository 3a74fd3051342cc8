from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from generator_service.errors import MissingRecording
from generator_service.rendering.audio_renderer import render_audio
from shared.captchas.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()


def test_audio_is_a_wav_that_text_and_seed_determine() -> None:
    first = render_audio(SPEC, None, "1234", 3)
    assert render_audio(SPEC, None, "1234", 3) == first
    assert render_audio(SPEC, None, "1234", 4) != first
    with wave.open(io.BytesIO(first)) as audio:
        assert (audio.getframerate(), audio.getsampwidth(), audio.getnchannels()) == (8000, 1, 1)
        assert audio.getnframes() > 4 * 8000


def test_a_character_without_a_recording_is_named() -> None:
    with pytest.raises(MissingRecording, match="contains 'a', for which there is no recording"):
        render_audio(CaptchaSpec(charset="a1"), None, "1a11", 1)


def test_a_text_that_does_not_match_the_spec_is_rejected() -> None:
    with pytest.raises(SpecError, match="text has 3 characters"):
        render_audio(SPEC, None, "123", 1)


def test_the_recordings_of_a_voice_directory_are_spoken(tmp_path: Path) -> None:
    for digit, level in (("1", 10), ("2", 240)):
        write_recording(tmp_path / digit / "voice.wav", level)
    (tmp_path / "3").mkdir()  # a folder without recordings is skipped
    spec = CaptchaSpec("12", 1)
    low, high = (np.frombuffer(render_audio(spec, tmp_path, text, 1), np.uint8) for text in "12")
    # The recordings are much louder than the noise; the beeps are in both.
    assert (low < 80).sum() > (high < 80).sum() + 1000
    assert (high > 200).sum() > (low > 200).sum() + 1000
    with pytest.raises(MissingRecording, match=r"contains '3', .* recorded characters: 12"):
        render_audio(CaptchaSpec("123", 1), tmp_path, "3", 1)


def write_recording(file: Path, level: int) -> None:
    """Write 0.2 s of a constant level, 0 to 255."""
    file.parent.mkdir()
    with wave.open(str(file), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(1)
        audio.setframerate(8000)
        audio.writeframes(bytes([level]) * 1600)
