"""Audio renderer: a text spoken over noise, by the captcha library."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from generator_service.errors import MissingRecording
from generator_service.seeded_random import SeededRandom, load_seeded_module
from shared.spec import CaptchaSpec

_random = SeededRandom()
_library = load_seeded_module("captcha.audio", _random)


def render_audio(spec: CaptchaSpec, text: str, seed: int) -> bytes:
    """Return the spoken text as WAV: 8 kHz, 8 bit, mono.

    Raises:
        SpecError: if the text does not match the spec.
        MissingRecording: if a character has no recording. The library includes 0-9 and A-Z.
    """
    spec.check_text(text)
    speaker = _load_speaker()
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
        return sorted(super().choices)

    def _load_data(self, name: str) -> None:
        self._cache[name] = [
            _library._read_wave_file(str(recording))
            for recording in sorted(Path(self._voicedir, name).glob("*.wav"))
        ]


@cache
def _load_speaker() -> _SortedAudioCaptcha:
    speaker = _SortedAudioCaptcha()
    speaker.load()
    return speaker
