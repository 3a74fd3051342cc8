"""What the inference service counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inference_service.models import ModelStore
from inference_service.reading import Stages

# Seconds: from a fifth of a reading to the longest upload.
_BUCKETS = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
)  # fmt: skip


class Metrics:
    """Counters of one app, in a registry of their own."""

    def __init__(self, store: ModelStore, count_waiting: Callable[[], int]) -> None:
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
            buckets=_BUCKETS,
            registry=registry,
        )
        self._stages = Histogram(
            "inference_stage_seconds",
            "Time of a batch in one stage: decode (upload to pixels) or model.",
            ["stage"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._batch = Histogram(
            "inference_batch_images",
            "Images read in one call of the engine.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.queue_full = Counter(
            "inference_queue_full", "Requests refused because too many waited.", registry=registry
        )
        registry.register(_State(store, count_waiting))
        ProcessCollector(registry=registry)

    def report(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def report_batch(self, stages: Stages) -> None:
        """Counts one batch; called on worker threads."""
        self._stages.labels("decode").observe(stages.decode_s)
        if stages.images:
            self._stages.labels("model").observe(stages.model_s)
            self._batch.observe(stages.images)

    def render(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is read off when somebody looks."""

    def __init__(self, store: ModelStore, count_waiting: Callable[[], int]) -> None:
        self._store = store
        self._count_waiting = count_waiting

    def collect(self) -> Iterator[Metric]:
        store = self._store
        yield GaugeMetricFamily(
            "inference_waiting", "Images being read or waiting for it.", self._count_waiting()
        )
        yield GaugeMetricFamily(
            "inference_model_version",
            "The version that answers, -1 if none.",
            store.current.version if store.current else -1,
        )
        yield CounterMetricFamily(
            "inference_model_swaps", "Versions taken into service.", store.swaps
        )
        yield CounterMetricFamily(
            "inference_model_refusals", "Versions refused, each time one was.", store.refusals
        )
        refused = GaugeMetricFamily(
            "inference_model_refused",
            "1 for each version that lies there and is not used, with the reason.",
            labels=["version", "reason"],
        )
        for version, reason in sorted(store.refused.items()):
            refused.add_metric([str(version), reason], 1)
        yield refused
