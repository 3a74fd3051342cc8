"""The capacity model: what a number of predictions per second needs, from measured figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from tests.benchmarks.capacity.figures import WIRE_BYTES, Assumptions, Load, Sizes

REPLICAS_PER_GATEWAY = 16  # `server-template inference 1-16` in haproxy.cfg
CONNECTIONS_PER_GATEWAY = 900  # `maxconn` of the public port in haproxy.cfg
IDLE_CONNECTION_S = 10.0
"""When the gateway closes an idle connection: `timeout http-request` in haproxy.cfg."""
HOURS_PER_MONTH = 730


@dataclass(frozen=True)
class Limit:
    """What bounds the predictions of a gateway."""

    name: str
    predictions: float
    """Per second, at the planned utilisation."""
    is_planned: bool = True
    """Whether a plan counts with it."""


def limit_gateway(load: Load, assumed: Assumptions) -> list[Limit]:
    """Return what bounds a gateway with one core.

    The network carries each request twice, from the client and to the replica, and each response
    too. So each direction carries the bytes of both.
    """
    used, images = assumed.utilisation, load.images
    http_bytes = load.request_bytes + load.response_bytes
    places = CONNECTIONS_PER_GATEWAY * used
    by_link = {
        gbit: replace(assumed, link_gbit=gbit).link_bytes_per_s / http_bytes * images
        for gbit in sorted({1.0, 10.0, assumed.link_gbit})
    }
    return [
        Limit(
            f"{REPLICAS_PER_GATEWAY} replicas with a core each",
            REPLICAS_PER_GATEWAY * load.replica_rate * used,
            is_planned=False,  # `stacks` counts whole replicas
        ),
        Limit("one core of the gateway", used / load.gateway_cpu_s * images),
        Limit(
            f"{CONNECTIONS_PER_GATEWAY:,} connections, which clients reuse or close",
            places / load.latency_s * images,
        ),
        Limit(
            f"{CONNECTIONS_PER_GATEWAY:,} connections, each left open after one request",
            places / (IDLE_CONNECTION_S + load.latency_s) * images,
            is_planned=False,
        ),
        *(
            Limit(f"network of {gbit:g} Gbit/s", limit, is_planned=gbit == assumed.link_gbit)
            for gbit, limit in by_link.items()
        ),
    ]


def limit_store(load: Load, sizes: Sizes, assumed: Assumptions) -> tuple[int, float]:
    """Return the nodes that get a version in time, and the predictions per second of their cores.

    A node copies each version once, however many replicas it has.
    """
    nodes = int(assumed.link_bytes_per_s * assumed.version_s / (sizes.version_mb * 1e6))
    return nodes, nodes * assumed.cores_per_node * load.replica_rate * assumed.utilisation


@dataclass(frozen=True)
class Plan:
    """What a number of predictions per second needs."""

    replicas: int
    gateways: int
    stacks: int
    """Gateways with replicas of their own: a gateway uses 16 replicas."""
    nodes: int
    memory_gb: float
    in_gbit: float
    """From the clients, on the wire."""
    out_gbit: float
    """To the clients, on the wire."""
    version_copies_mb: float
    """What the object store sends per version."""
    machines_usd: float
    """Per month."""
    traffic_usd: float
    """Per month."""

    @property
    def cores(self) -> int:
        """One core per replica and gateway."""
        return self.replicas + self.gateways


def plan(predictions: float, load: Load, sizes: Sizes, assumed: Assumptions) -> Plan:
    """Return what a number of predictions per second needs.

    Args:
        predictions: per second.
        load: the requests that ask for them.
        sizes: of the programs and versions.
        assumed: prices, and what is planned for.
    """
    requests = predictions / load.images
    replicas = ceil(predictions / (load.replica_rate * assumed.utilisation))
    stacks = ceil(replicas / REPLICAS_PER_GATEWAY)
    limits = [limit.predictions for limit in limit_gateway(load, assumed) if limit.is_planned]
    gateways = max(stacks, ceil(predictions / min(limits)))
    nodes = ceil((replicas + gateways) / assumed.cores_per_node)
    memory_gb = (replicas * sizes.replica_mb + gateways * sizes.gateway_mb) / 1e3
    hourly = (replicas + gateways) * assumed.vcpu_hour_usd + memory_gb * assumed.gb_hour_usd
    in_bytes, out_bytes = (requests * n for n in (load.request_bytes, load.response_bytes))
    month_s = HOURS_PER_MONTH * 3600
    return Plan(
        replicas, gateways, stacks, nodes, memory_gb,
        in_gbit=in_bytes * WIRE_BYTES * 8 / 1e9,
        out_gbit=out_bytes * WIRE_BYTES * 8 / 1e9,
        version_copies_mb=nodes * sizes.version_mb,
        machines_usd=hourly * HOURS_PER_MONTH,
        traffic_usd=out_bytes * month_s / 1e9 * assumed.gb_out_usd,
    )  # fmt: skip
