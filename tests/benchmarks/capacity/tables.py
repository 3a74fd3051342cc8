"""The tables of the section "Capacity" in docs/cluster.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.capacity import generators, inference, model
from tests.benchmarks.capacity.figures import Assumptions, Load, Sizes
from tests.benchmarks.capacity.samples import Requests, Sample, middle
from tests.benchmarks.page import format_rounds, format_table

TARGETS = (1_000, 10_000, 100_000)
"""Predictions per second."""
LATENCY_CONNECTIONS = 8


def name_of(images: int) -> str:
    """Return the name of a kind of request."""
    return "single" if images == 1 else f"batches of {images}"


def to_load(result: inference.Result, requests: Requests) -> Load:
    """Return the figures for the model, of one replica on one core."""
    busiest = result.by_connections[inference.CONNECTIONS[-1]]
    return Load(
        name_of(requests.images),
        requests.images,
        replica_rate=result.best_rate,
        gateway_cpu_s=middle(busiest, "gateway_cpu_s"),
        latency_s=middle(result.scheduled, "p50_ms") / 1e3,
        request_bytes=requests.mean_bytes,
        response_bytes=middle(busiest, "response_bytes"),
    )


def format_inference(results: inference.Results) -> str:
    """Return a row per setup and kind of request."""
    counts = [f"connections: {count}" for count in inference.CONNECTIONS]
    columns = ["replicas", "cores", "requests", f"predictions/s, {counts[0]}", *counts[1:]]
    columns += [f"p50, p99 ms, connections: {LATENCY_CONNECTIONS}"]
    columns += [f"p50, p99 ms, {100 * inference.UTILISATION:.0f} % load"]
    columns += ["MB per replica", "MB gateway", "wrong or failed"]

    def rows() -> Iterator[list[str]]:
        for (replicas, cores, images), result in results.items():
            rates = [
                format_rounds([sample.rate for sample in samples], ",.0f")
                for samples in result.by_connections.values()
            ]
            latencies = [
                format_latency(samples)
                for samples in (result.by_connections[LATENCY_CONNECTIONS], result.scheduled)
            ]
            memory = [f"{max(mb):,.0f}" for mb in (result.replica_mb, result.gateway_mb)]
            yield [str(replicas), str(cores), name_of(images), *rates, *latencies, *memory,
                   f"{result.bad:,}"]  # fmt: skip

    return format_table(columns, rows())


def format_latency(samples: Sequence[Sample]) -> str:
    """Return the medians of p50 and p99."""
    return f"{middle(samples, 'p50_ms'):,.1f}, {middle(samples, 'p99_ms'):,.1f}"


def format_gateway(samples: Mapping[str, Sequence[Sample]], loads: Sequence[Load]) -> str:
    """Return the CPU time per request of the gateway, and how many of them fill a core."""
    columns = (
        "gateway, on one core",
        "requests/s sent",
        "CPU µs per request",
        "requests/s per core",
    )
    rows = [
        (name, format_rounds([s.rate for s in rounds], ",.0f"), middle(rounds, "gateway_cpu_s"))
        for name, rounds in samples.items()
    ]
    rows += [
        (f"predictions, {load.name}", f"{load.replica_rate / load.images:,.0f}", load.gateway_cpu_s)
        for load in loads
    ]
    return format_table(
        columns, ((name, sent, f"{s * 1e6:,.0f}", f"{1 / s:,.0f}") for name, sent, s in rows)
    )


def format_generators(results: Mapping[tuple[int, int], generators.Result]) -> str:
    """Return a row per setup."""
    columns = ("generators", "`RENDER_PROCESSES`", "npz captchas/s", "zip captchas/s",
               "`/captcha.png`/s", "p50, p99 ms", "wrong or failed")  # fmt: skip
    return format_table(columns, (
        (
            str(count),
            str(processes),
            *(format_rounds(result.datasets[kind], ",.0f") for kind in generators.FORMATS),
            format_rounds([sample.rate for sample in result.single], ",.0f"),
            format_latency(result.single),
            f"{sum(sample.bad for sample in result.single):,}",
        )
        for (count, processes), result in results.items()
    ))  # fmt: skip


def format_plans(loads: Sequence[Load], sizes: Sizes, assumed: Assumptions) -> str:
    """Return a row per target and kind of request."""
    columns = ("predictions/s", "requests", "replicas", "gateways", "cores", "memory GB", "stacks",
               "nodes", "Gbit/s in, out", "MB from the store per version", "machines, USD a month",
               "traffic, USD a month")  # fmt: skip

    def row(target: int, load: Load) -> list[str]:
        plan = model.plan(target, load, sizes, assumed)
        return [
            f"{target:,}", load.name, f"{plan.replicas:,}", f"{plan.gateways:,}",
            f"{plan.cores:,}", f"{plan.memory_gb:,.1f}", f"{plan.stacks:,}", f"{plan.nodes:,}",
            f"{plan.in_gbit:.2g}, {plan.out_gbit:.2g}", f"{plan.version_copies_mb:,.0f}",
            f"{plan.machines_usd:,.0f}", f"{plan.traffic_usd:,.0f}",
        ]  # fmt: skip

    return format_table(columns, (row(target, load) for target in TARGETS for load in loads))


def format_limits(loads: Sequence[Load], sizes: Sizes, assumed: Assumptions) -> str:
    """Return how many predictions per second each part bounds."""
    by_load = [model.limit_gateway(load, assumed) for load in loads]
    rows = [
        [f"gateway: {limits[0].name}", *(f"{limit.predictions:,.0f}" for limit in limits)]
        for limits in zip(*by_load, strict=True)
    ]
    stores = [model.limit_store(load, sizes, assumed) for load in loads]
    name = (
        f"object store of {assumed.link_gbit:g} Gbit/s: {stores[0][0]:,} nodes get a version within"
        f" {assumed.version_s:g} s"
    )
    rows.append([name, *(f"{predictions:,.0f}" for _, predictions in stores)])
    return format_table(("limit", *(f"predictions/s, {load.name}" for load in loads)), rows)
