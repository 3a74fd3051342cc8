"""What the capacity model starts from: measured figures and assumptions."""

from __future__ import annotations

from dataclasses import dataclass

WIRE_BYTES = 1538 / 1448
"""Bytes on the wire per byte of HTTP in full frames: a payload of 1,448 bytes, with headers of 52
bytes for TCP and IP and 38 bytes for Ethernet."""


@dataclass(frozen=True)
class Load:
    """What was measured for one kind of request."""

    name: str
    images: int
    """Images per request."""
    replica_rate: float
    """Predictions per second of a replica that has a core of its own."""
    gateway_cpu_s: float
    """CPU time of the gateway per request."""
    latency_s: float
    """Median latency at the planned utilisation."""
    request_bytes: float
    """With headers."""
    response_bytes: float
    """With headers."""


@dataclass(frozen=True)
class Sizes:
    """What was measured, independent of the kind of request."""

    replica_mb: float
    """Resident memory."""
    gateway_mb: float
    """Resident memory."""
    version_mb: float
    """A version in the object store."""


@dataclass(frozen=True)
class Assumptions:
    """What is not measured. Prices are round figures of large clouds, without discounts."""

    utilisation: float = 0.6
    cores_per_node: int = 16
    link_gbit: float = 10.0
    """Network of a node, and of the object store."""
    version_s: float = 60.0
    """Time in which a new version has to be copied to all nodes."""
    vcpu_hour_usd: float = 0.04
    gb_hour_usd: float = 0.004
    """Per GB of memory and hour."""
    gb_out_usd: float = 0.05
    """Per GB of responses that leave the cloud."""

    @property
    def link_bytes_per_s(self) -> float:
        """Bytes per second of HTTP in one direction of a link, at the planned utilisation."""
        return self.link_gbit * 1e9 / 8 / WIRE_BYTES * self.utilisation
