"""Audio renderer: a text spoken over noise, by the captcha library."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

from generator_service.errors import MissingRecording
from generator_service.rendering.seeded_random import SeededRandom, load_seeded_module
from generator_service.rendering.voice_directory import list_recordings
from shared.captchas.spec import CaptchaSpec

_random = SeededRandom()
_library = load_seeded_module("captcha.audio", _random)


def render_audio(spec: CaptchaSpec, voices: Path | None, text: str, seed: int) -> bytes:
    """Return the spoken text as WAV: 8 kHz, 8 bit, mono.

    Args:
        spec: the captchas.
        voices: the voice directory; None for the recordings of the library, which has 0-9 and A-Z.
        text: what is spoken.
        seed: determines voices, speeds, pauses and noise.

    Raises:
        SpecError: if the text does not match the spec.
        MissingRecording: if a character has no recording.
    """
    spec.check_text(text)
    speaker = _load_speaker(voices)
    missing = sorted(set(text) - set(speaker.choices))
    if missing:
        raise MissingRecording(
            f"text contains {''.join(missing)!r}, for which there is no recording;"
            f" recorded characters: {''.join(speaker.choices)}"
        )
    _random.reseed("sound", seed, 0)
    return bytes(speaker.generate(text))


class _SortedAudioCaptcha(_library.AudioCaptcha):  # type: ignore[misc,name-defined]
    """The library's class with sorted recordings; the order of a directory differs by machine."""

    @property
    def choices(self) -> list[str]:
        # The library would choose its noise from empty folders too, and fail.
        return list(self._recordings)

    @cached_property
    def _recordings(self) -> dict[str, list[Path]]:
        return list_recordings(Path(self._voicedir))

    def _load_data(self, name: str) -> None:
        self._cache[name] = [
            _library._read_wave_file(str(recording)) for recording in self._recordings[name]
        ]


@cache
def _load_speaker(voices: Path | None) -> _SortedAudioCaptcha:
    speaker = _SortedAudioCaptcha(voices)
    speaker.load()
    return speaker
