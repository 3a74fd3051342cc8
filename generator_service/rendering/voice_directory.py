"""Voice directory: recordings of the characters, in one folder per character."""

from __future__ import annotations

import wave
from pathlib import Path

from generator_service.errors import VoiceError

_RATE_HZ = 8_000
_FORMAT = "8 kHz, 8 bit, mono, uncompressed"


def check_voices(directory: Path | None, charset: str) -> Path | None:
    """Check that every character of a charset can be spoken, and return the directory.

    Args:
        directory: has a folder such as `7/` with .wav files per character; None for the
            recordings of the library, which lack lower case.
        charset: the characters that captchas can show.

    Raises:
        VoiceError: if the directory, a recording or its format is wrong.
    """
    if directory is None:
        return None
    if not directory.is_dir():
        raise VoiceError(f"the voice directory {directory} does not exist or is no directory")
    recordings = list_recordings(directory)
    if missing := sorted(set(charset) - set(recordings)):
        raise VoiceError(
            f"the voice directory {directory} has no recording of {''.join(missing)!r}:"
            f" add {directory}/{missing[0]}/<name>.wav ({_FORMAT}) and so on"
        )
    for files in recordings.values():
        for file in files:
            _check_recording(file)
    return directory


def list_recordings(directory: Path) -> dict[str, list[Path]]:
    """Return the recordings of each character that has some, in a fixed order."""
    # The order of a directory differs by machine.
    folders = sorted(path for path in directory.iterdir() if len(path.name) == 1)
    found = {folder.name: sorted(folder.glob("*.wav")) for folder in folders}
    return {character: files for character, files in found.items() if files}


def _check_recording(file: Path) -> None:
    try:
        with wave.open(str(file)) as audio:
            found = (audio.getframerate(), audio.getsampwidth(), audio.getnchannels())
            has_sound = audio.getnframes() > 0
    except (OSError, EOFError, wave.Error) as error:
        raise VoiceError(f"the recording {file} cannot be read: {error}") from error
    if found != (_RATE_HZ, 1, 1) or not has_sound:
        rate, width, channels = found
        raise VoiceError(
            f"the recording {file} must be {_FORMAT}, and not empty; it has {rate} Hz,"
            f" {8 * width} bit and {channels} channels"
        )
