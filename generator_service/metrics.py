"""What the generator counts."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)


class Metrics:
    """Counters of one app, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "generator_requests",
            "Answers by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "generator_request_seconds",
            "Time to the last byte by route.",
            ["route"],
            registry=self._registry,
        )
        self.rendered = Counter(
            "generator_captchas_rendered",
            "Captchas drawn or spoken.",
            ["kind"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def report(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)
