"""The generator's settings: read from the environment once, in `__main__`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.environment import SettingsError, count_cores, read_int, read_text
from shared.middleware import LOG_CHOICES, PROBLEMS
from shared.spec import DRAWINGS, CaptchaSpec, SpecError


@dataclass(frozen=True)
class Settings:
    """What the generator draws and how it serves."""

    spec: CaptchaSpec
    fonts: tuple[str, ...]
    """Paths of TrueType files; empty means the library's own font."""
    processes: int
    max_dataset: int
    log_requests: str
    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError naming the variable."""
        default = CaptchaSpec()
        charset = read_text(environment, "CAPTCHA_CHARSET", default.charset)
        length = read_int(environment, "CAPTCHA_LENGTH", default.length)
        min_length = read_int(environment, "CAPTCHA_MIN_LENGTH", length)
        drawing = read_text(environment, "CAPTCHA_DRAWING", default.drawing, choices=DRAWINGS)
        width = read_int(environment, "CAPTCHA_WIDTH", default.width)
        height = read_int(environment, "CAPTCHA_HEIGHT", default.height)
        try:
            spec = CaptchaSpec(charset, length, width, height, min_length, drawing)
        except SpecError as error:
            raise SettingsError(f"the CAPTCHA_* settings make no captcha: {error}") from error
        return cls(
            spec=spec,
            fonts=tuple(read_text(environment, "CAPTCHA_FONTS", "").split()),
            processes=read_int(environment, "RENDER_PROCESSES", count_cores(), low=1, high=256),
            max_dataset=read_int(environment, "MAX_DATASET", 1_000_000, low=1),
            log_requests=read_text(environment, "LOG_REQUESTS", PROBLEMS, choices=LOG_CHOICES),
            host=read_text(environment, "GENERATOR_HOST", "127.0.0.1"),
            port=read_int(environment, "GENERATOR_PORT", 8000, low=1, high=65_535),
        )
