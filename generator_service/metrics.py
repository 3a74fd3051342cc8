"""Prometheus metrics of the generator service."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)


class Metrics:
    """The metrics of one application, in their own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "generator_requests",
            "Responses by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "generator_request_seconds",
            "Seconds until the last byte of the response, by route.",
            ["route"],
            registry=self._registry,
        )
        self._rendered = Counter(
            "generator_captchas_rendered",
            "Captchas rendered, by format (png, wav, pictures, zip, npz).",
            ["format"],
            registry=self._registry,
        )
        self._cut = Counter(
            "generator_datasets_cut",
            "Datasets that were cut because the client read them too slowly.",
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def record_response(self, route: str, status: int, seconds: float) -> None:
        """Count a response and its duration."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def record_rendered(self, media_format: str, count: int = 1) -> None:
        """Count rendered captchas."""
        self._rendered.labels(media_format).inc(count)

    def record_cut(self) -> None:
        """Count a dataset that was cut because the client read it too slowly."""
        self._cut.inc()

    def to_text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)
