"""Metrics of the inference service in the Prometheus format."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inference_service.models.model_store import ModelStore
from inference_service.prediction.batch_prediction import BatchTimes
from inference_service.prediction.predictor import Predictor

# Seconds, from less than one prediction to the longest upload.
_BUCKETS = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
)  # fmt: skip


class Metrics:
    """Counters and histograms of one app, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "inference_requests",
            "Responses by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "inference_request_seconds",
            "Time to the last byte of the response by route.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "inference_stage_seconds",
            "Time of a batch in one stage: decode (request body to pixels) or model.",
            ["stage"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._batch_images = Histogram(
            "inference_batch_images",
            "Images per call of the engine.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def watch_state(self, store: ModelStore, predictor: Predictor) -> None:
        """Add the metrics that are collected from the store and the predictor on demand."""
        self._registry.register(_StateCollector(store, predictor))

    def record_response(self, route: str, status: int, seconds: float) -> None:
        """Count a response."""
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def record_batch(self, times: BatchTimes) -> None:
        """Count a batch; the threads of the predictor call this too."""
        self._stage_seconds.labels("decode").observe(times.decode_s)
        if times.images:
            self._stage_seconds.labels("model").observe(times.model_s)
            self._batch_images.observe(times.images)

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)


class _StateCollector(Collector):
    """Metrics whose values are read when they are requested."""

    def __init__(self, store: ModelStore, predictor: Predictor) -> None:
        self._store = store
        self._predictor = predictor

    def collect(self) -> Iterator[Metric]:
        store = self._store
        active = store.active  # read once: another thread replaces it
        yield GaugeMetricFamily(
            "inference_queue_size",
            "Requests that wait for a prediction or are being predicted.",
            self._predictor.queue_size,
        )
        yield CounterMetricFamily(
            "inference_queue_full",
            "Requests rejected because the queue was full.",
            self._predictor.rejections,
        )
        yield GaugeMetricFamily(
            "inference_model_version",
            "The active version, -1 if there is none.",
            active.model.version if active else -1,
        )
        yield CounterMetricFamily(
            "inference_model_swaps", "How often a version was activated.", store.swaps
        )
        yield CounterMetricFamily(
            "inference_model_rejections", "How often a version was rejected.", store.rejections
        )
        rejected = GaugeMetricFamily(
            "inference_model_rejected",
            "1 for each version that is rejected now, with the reason.",
            labels=["version", "reason"],
        )
        for version, reason in sorted(store.rejected.items()):
            rejected.add_metric([str(version), reason], 1)
        yield rejected
