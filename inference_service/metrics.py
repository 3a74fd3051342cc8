"""What the inference service counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from inference_service.models import ModelStore


class Metrics:
    """Counters of one app, in a registry of their own."""

    def __init__(self, store: ModelStore) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "inference_requests",
            "Answers by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "inference_request_seconds",
            "Time to the last byte by route.",
            ["route"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.waiting = Gauge(
            "inference_waiting", "Images being read or waiting for it.", registry=registry
        )
        version = Gauge(
            "inference_model_version", "The version that answers, -1 if none.", registry=registry
        )
        version.set_function(lambda: store.current.version if store.current else -1)
        swaps = Gauge("inference_model_swaps", "Versions taken into service.", registry=registry)
        swaps.set_function(lambda: store.swaps)
        refusals = Gauge("inference_model_refusals", "Versions refused.", registry=registry)
        refusals.set_function(lambda: store.refusals)

    def report(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)
