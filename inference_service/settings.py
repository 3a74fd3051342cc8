"""The inference service's settings: read from the environment once, in `__main__`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_service.engines import LOADERS, OpenVinoEngine
from shared.artifacts import MODEL_NAME
from shared.environment import count_cores, read_float, read_int, read_text


@dataclass(frozen=True)
class Settings:
    """Which models are served, by what, and how much work is taken on."""

    models: Path
    """The directory that holds the version directories."""
    engine: str
    threads: int
    max_waiting: int
    """Requests that may wait for a thread; one more is answered 503."""
    poll_s: float
    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError naming the variable."""
        return cls(
            models=Path(read_text(environment, "MODELS_DIR", "models")) / MODEL_NAME,
            engine=read_text(environment, "ENGINE", OpenVinoEngine.name, choices=tuple(LOADERS)),
            threads=read_int(environment, "INFERENCE_THREADS", count_cores(), low=1, high=256),
            max_waiting=read_int(environment, "MAX_WAITING", 256, low=1),
            poll_s=read_float(environment, "MODEL_POLL_S", 1.0, low=0.05, high=3600.0),
            host=read_text(environment, "INFERENCE_HOST", "127.0.0.1"),
            port=read_int(environment, "INFERENCE_PORT", 5000, low=1, high=65_535),
        )
