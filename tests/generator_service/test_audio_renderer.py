from __future__ import annotations

import io
import wave

import pytest

from generator_service.audio_renderer import render_audio
from generator_service.errors import MissingRecording
from shared.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()


def test_audio_is_a_wav_that_text_and_seed_determine() -> None:
    first = render_audio(SPEC, "1234", 3)
    assert render_audio(SPEC, "1234", 3) == first
    assert render_audio(SPEC, "1234", 4) != first
    with wave.open(io.BytesIO(first)) as audio:
        assert (audio.getframerate(), audio.getsampwidth(), audio.getnchannels()) == (8000, 1, 1)
        assert audio.getnframes() > 4 * 8000


def test_a_character_without_a_recording_is_named() -> None:
    with pytest.raises(MissingRecording, match="contains 'a', for which there is no recording"):
        render_audio(CaptchaSpec(charset="a1"), "1a11", 1)


def test_a_text_that_does_not_match_the_spec_is_rejected() -> None:
    with pytest.raises(SpecError, match="text has 3 characters"):
        render_audio(SPEC, "123", 1)
