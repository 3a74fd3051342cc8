"""Settings of the inference service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from inference_service.engines import ENGINES, OpenVinoEngine
from shared.http.middleware import LogRequests
from shared.settings import EnvironmentSettings
from shared.versions.artifacts import MODEL_NAME
from shared.versions.bundled_model import BUNDLED_MODEL, BUNDLED_VERSION

_OFF = "off"


class Settings(EnvironmentSettings):
    """Which models are served, by which engine, and how many requests are accepted.

    A field is read from the variable of the same name in upper case.
    """

    engine: Literal["openvino", "tensorflow"] = "openvino"
    models_dir: Path = Path("models")
    """Directory that contains `captcha/<version>`."""
    bundled_model: Path | None = BUNDLED_MODEL
    """Directory that contains version 0, or None (`off`)."""
    max_batch_size: Annotated[int, Field(ge=1, le=1024)] = OpenVinoEngine.preferred_batch_size
    """Maximum number of images per call of the engine; the default depends on the engine."""
    max_queue_size: Annotated[int, Field(ge=1)] = 256
    """Captchas that can wait for a prediction, and as many requests with large or several images;
    further ones get a 503."""
    log_requests: LogRequests = "problems"
    model_poll_s: Annotated[float, Field(ge=0.05, le=3600)] = 1.0
    """Interval of the scans for new versions."""
    generator_url: str | None = "http://127.0.0.1:8000"
    """Address of the generator whose captchas are predicted, or None (`off`)."""
    generator_poll_s: Annotated[float, Field(ge=0.05, le=3600)] = 5.0
    """Interval of the requests for the generator's spec."""
    drain_s: Annotated[float, Field(ge=0, le=60)] = 1.5
    """How long a replica keeps serving after SIGTERM."""
    inference_host: str = "127.0.0.1"
    inference_port: Annotated[int, Field(ge=1, le=65_535)] = 5000

    @property
    def versions_dir(self) -> Path:
        """Directory that contains one directory per version."""
        return self.models_dir / MODEL_NAME

    @model_validator(mode="before")
    @classmethod
    def _use_batch_size_of_engine(cls, values: dict[str, Any]) -> dict[str, Any]:
        engine = ENGINES.get(values.get("engine", OpenVinoEngine.name))
        if engine is None:
            return values  # the field reports it
        return {"max_batch_size": engine.preferred_batch_size} | values

    @field_validator("bundled_model", mode="before")
    @classmethod
    def _check_bundled_model(cls, value: str | Path | None) -> Path | None:
        if value is None or value == _OFF:
            return None
        # Checked at the start, because the model may be needed only much later.
        if not (Path(value) / str(BUNDLED_VERSION)).is_dir():
            raise ValueError(f"must be {_OFF} or a directory that contains version 0")
        return Path(value)

    @field_validator("generator_url", mode="before")
    @classmethod
    def _check_generator_url(cls, value: str | None) -> str | None:
        if value is None or value == _OFF:
            return None
        try:
            parts = urlsplit(value)
            is_valid = parts.scheme in ("http", "https") and bool(parts.hostname)
            parts.port  # noqa: B018 - raises ValueError
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ValueError(f"must be {_OFF} or a URL such as http://host:port")
        return value
