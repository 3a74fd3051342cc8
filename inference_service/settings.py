"""The inference service's settings: read from the environment once, in `__main__`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_service.engines import LOADERS, OpenVinoEngine
from inference_service.models import BOX_VERSION
from shared.artifacts import MODEL_NAME
from shared.environment import SettingsError, count_cores, read_float, read_int, read_text
from shared.middleware import LOG_CHOICES, PROBLEMS

_PACKAGED_BOX = Path(__file__).parent / "box"
_NO_BOX = "off"


@dataclass(frozen=True)
class Settings:
    """Which models are served, by what, and how much work is taken on."""

    models: Path
    """The directory that holds the version directories."""
    box: Path | None
    """The directory that holds version 0, which answers until another can; nothing for not."""
    engine: str
    threads: int
    max_batch: int
    """Images read in one call of the engine at most."""
    batch_delay_s: float
    """How long a thread that could take more images waits for them."""
    max_waiting: int
    """Requests that may wait for a thread; one more is answered 503."""
    log_requests: str
    poll_s: float
    drain_s: float
    """How long a replica that was told to stop goes on answering."""
    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError naming the variable."""
        engine = read_text(environment, "ENGINE", OpenVinoEngine.name, choices=tuple(LOADERS))
        batch = LOADERS[engine].preferred_batch
        delay_ms = LOADERS[engine].batch_delay_s * 1e3
        return cls(
            models=Path(read_text(environment, "MODELS_DIR", "models")) / MODEL_NAME,
            box=_read_box(environment),
            engine=engine,
            threads=read_int(environment, "INFERENCE_THREADS", count_cores(), low=1, high=256),
            max_batch=read_int(environment, "MAX_BATCH", batch, low=1, high=1024),
            batch_delay_s=read_float(environment, "BATCH_DELAY_MS", delay_ms, low=0, high=1000)
            / 1e3,
            max_waiting=read_int(environment, "MAX_WAITING", 256, low=1),
            log_requests=read_text(environment, "LOG_REQUESTS", PROBLEMS, choices=LOG_CHOICES),
            poll_s=read_float(environment, "MODEL_POLL_S", 1.0, low=0.05, high=3600.0),
            drain_s=read_float(environment, "DRAIN_S", 1.5, low=0.0, high=60.0),
            host=read_text(environment, "INFERENCE_HOST", "127.0.0.1"),
            port=read_int(environment, "INFERENCE_PORT", 5000, low=1, high=65_535),
        )


def _read_box(environment: Mapping[str, str]) -> Path | None:
    value = read_text(environment, "MODEL_BOX", str(_PACKAGED_BOX))
    if value == _NO_BOX:
        return None
    # Told at the start: it may be needed only much later.
    if not (Path(value) / str(BOX_VERSION)).is_dir():
        raise SettingsError(
            f"MODEL_BOX must be {_NO_BOX} or a directory that holds a version {BOX_VERSION},"
            f" not {value!r}"
        )
    return Path(value)
