"""A spoken captcha as a waveform and as a spectrogram."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from trainer.course.figure_file import save_figure
from trainer.course.illustrations.example_captchas import choose_text
from trainer.course.workspace import CourseWorkspace
from trainer.errors import GeneratorError

_STEP = "sound"
_TEXT = "2140"
_WINDOW_MS = 32
_RANGE_DB = 70.0


@dataclass(frozen=True)
class Sound:
    """A mono recording.

    Attributes:
        samples: float32 (N,), -1 to 1.
        samples_per_s: sampling rate in Hz.
    """

    samples: npt.NDArray[np.float32]
    samples_per_s: int

    @property
    def duration_s(self) -> float:
        """The duration in seconds."""
        return len(self.samples) / self.samples_per_s


def read_wav(content: bytes) -> Sound:
    """Return the first channel of a WAV file with 8 or 16 bits.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            bits, channels = 8 * file.getsampwidth(), file.getnchannels()
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"it is not a WAV file: {error}") from error
    if bits == 8:  # unsigned, unlike 16 bits
        samples = (
            np.frombuffer(frames, np.uint8).astype(np.float32) - np.float32(128)
        ) / np.float32(128)
    elif bits == 16:
        samples = np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(32_768)
    else:
        raise ValueError(f"it has {bits} bits per sample, not 8 or 16")
    return Sound(samples[::channels], rate)


def draw_sound(workspace: CourseWorkspace) -> list[Path]:
    """Fetch a spoken captcha, and draw its waveform and its spectrogram.

    Returns:
        The WAV file and `sound.png`.

    Raises:
        GeneratorError: if it cannot be fetched, or the generator cannot speak the characters.
    """
    directory = workspace.step_directory(_STEP)
    text = choose_text(workspace.source.spec, _TEXT)
    content = workspace.client.get("/captcha.wav", {"text": text, "seed": workspace.seed})
    try:
        sound = read_wav(content)
    except ValueError as error:
        raise GeneratorError(f"/captcha.wav cannot be read: {error}") from error
    recording = directory / f"{text}.wav"
    recording.write_bytes(content)
    command = workspace.describe_command(_STEP)
    return [recording, _draw(directory / "sound.png", command, text, sound)]


def _draw(target: Path, command: str, text: str, sound: Sound) -> Path:
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    figure.suptitle(
        f"/captcha.wav?text={text}: {sound.duration_s:.1f} s at {sound.samples_per_s:,} Hz",
        parse_math=False,
    )
    waveform, spectrogram = figure.subplots(2, 1, sharex=True)
    times = np.arange(len(sound.samples)) / sound.samples_per_s
    waveform.plot(times, sound.samples, color="#222222", linewidth=0.4)
    waveform.set_title(
        "Waveform: how loud the characters are, and when they are spoken", fontsize=11
    )
    waveform.set_ylabel("amplitude (1 = full scale)")
    waveform.grid(alpha=0.3)
    window = max(16, sound.samples_per_s * _WINDOW_MS // 1_000)
    # A constant offset would be the loudest frequency; digital silence has no logarithm.
    noise = np.random.default_rng(0).normal(scale=1e-6, size=len(sound.samples))
    samples = sound.samples - sound.samples.mean() + noise
    _, _, _, image = spectrogram.specgram(
        samples, NFFT=window, Fs=sound.samples_per_s, noverlap=window * 3 // 4, cmap="Greys"
    )
    loudest = float(np.max(image.get_array()))
    image.set_clim(loudest - _RANGE_DB, loudest)
    figure.colorbar(image, ax=spectrogram, label="power (dB)")
    spectrogram.set_title(
        f"Spectrogram, windows of {_WINDOW_MS} ms: dark bands are the resonances of a voice",
        fontsize=11,
    )
    spectrogram.set_ylabel("frequency (Hz)")
    spectrogram.set_xlabel("time (s)")
    caption = (
        "Three beeps, the characters, and a beep at the end. Between them the captcha library adds"
        " noise, and other recordings, reversed and quieter."
    )
    return save_figure(figure, target, command, caption)
