from __future__ import annotations

import wave
from pathlib import Path

import pytest

from generator_service.errors import VoiceError
from generator_service.rendering.voice_directory import check_voices, list_recordings


def write_wav(file: Path, rate_hz: int = 8000, bytes_per_sample: int = 1, frames: int = 8) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(bytes_per_sample)
        audio.setframerate(rate_hz)
        audio.writeframes(bytes(frames * bytes_per_sample))


def test_no_directory_means_the_recordings_of_the_library() -> None:
    assert check_voices(None, "0123abc") is None


def test_a_complete_directory_is_accepted_and_listed_in_order(tmp_path: Path) -> None:
    for name in ("b/2.wav", "b/1.wav", "a/1.wav", "words/1.wav"):
        write_wav(tmp_path / name)
    (tmp_path / "c").mkdir()
    assert check_voices(tmp_path, "ba") == tmp_path
    found = list_recordings(tmp_path)
    assert {name: [file.name for file in files] for name, files in found.items()} == {
        "a": ["1.wav"],
        "b": ["1.wav", "2.wav"],
    }


def test_missing_directories_and_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"missing does not exist"):
        check_voices(tmp_path / "missing", "1")
    write_wav(tmp_path / "1" / "one.wav")
    with pytest.raises(VoiceError, match=r"has no recording of '23': add .*/2/<name>.wav"):
        check_voices(tmp_path, "321")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"rate_hz": 44_100}, "44100 Hz, 8 bit and 1 channels"),
        ({"bytes_per_sample": 2}, "8000 Hz, 16 bit and 1 channels"),
        ({"frames": 0}, "and not empty"),
    ],
)
def test_recordings_of_another_format_are_named(
    tmp_path: Path, properties: dict[str, int], found: str
) -> None:
    write_wav(tmp_path / "1" / "one.wav", **properties)
    with pytest.raises(VoiceError, match=rf"one.wav must be 8 kHz.*{found}"):
        check_voices(tmp_path, "1")


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    file = tmp_path / "1" / "one.wav"
    file.parent.mkdir()
    file.write_text("hello")
    with pytest.raises(VoiceError, match=r"one.wav cannot be read"):
        check_voices(tmp_path, "1")
