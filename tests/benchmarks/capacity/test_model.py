"""The capacity model, with figures that are easy to check by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.benchmarks.capacity import model
from tests.benchmarks.capacity.figures import WIRE_BYTES, Assumptions, Load, Sizes
from tests.gateway import CONFIG

LOAD = Load("single", 1, replica_rate=500, gateway_cpu_s=1e-4, latency_s=0.01,
            request_bytes=9_000, response_bytes=1_000)  # fmt: skip
BATCH = replace(LOAD, name="batches of 64", images=64, request_bytes=576_000, response_bytes=4_000)
SIZES = Sizes(replica_mb=200, gateway_mb=50, version_mb=6)
ASSUMED = Assumptions()


def find_limit(load: Load, name: str) -> float:
    (limit,) = [limit for limit in model.limit_gateway(load, ASSUMED) if name in limit.name]
    return limit.predictions


def test_replicas_run_at_the_planned_utilisation() -> None:
    # 300 of 500 predictions per second.
    assert model.plan(300, LOAD, SIZES, ASSUMED).replicas == 1
    assert model.plan(301, LOAD, SIZES, ASSUMED).replicas == 2
    assert model.plan(301, LOAD, SIZES, replace(ASSUMED, utilisation=1.0)).replicas == 1


def test_a_gateway_is_added_for_every_16_replicas() -> None:
    at_limit = model.plan(16 * 300, LOAD, SIZES, ASSUMED)
    assert (at_limit.replicas, at_limit.stacks, at_limit.gateways, at_limit.cores) == (16, 1, 1, 17)
    above = model.plan(16 * 300 + 1, LOAD, SIZES, ASSUMED)
    assert (above.replicas, above.stacks, above.gateways, above.cores) == (17, 2, 2, 19)


@pytest.mark.parametrize(
    ("changed", "gateways"),
    [
        (replace(LOAD, gateway_cpu_s=6e-4), 5),  # 1,000 per second at 60 %
        (replace(LOAD, latency_s=1.0), 9),  # 540 at once, each for a second
        (replace(LOAD, request_bytes=750e3 / WIRE_BYTES - 1_000), 5),  # 1,000 x 750 kB: 6 Gbit/s
    ],
)
def test_more_gateways_are_planned_where_another_limit_is_lower(
    changed: Load, gateways: int
) -> None:
    plan = model.plan(4_700, changed, SIZES, ASSUMED)
    assert (plan.stacks, plan.gateways) == (1, gateways)


def test_the_network_of_a_gateway_carries_requests_and_responses_in_each_direction() -> None:
    assert find_limit(LOAD, "1 Gbit/s") == pytest.approx(0.6 * 125e6 / 10_000 / WIRE_BYTES)
    assert find_limit(LOAD, "10 Gbit/s") == pytest.approx(10 * find_limit(LOAD, " 1 Gbit/s"))
    assert find_limit(BATCH, " 1 Gbit/s") == pytest.approx(0.6 * 125e6 / 580_000 * 64 / WIRE_BYTES)


def test_open_connections_bound_clients_that_send_one_request() -> None:
    assert find_limit(LOAD, "reuse or close") == pytest.approx(54_000)
    assert find_limit(LOAD, "left open") == pytest.approx(540 / 10.01)


def test_a_batch_costs_the_gateway_one_request() -> None:
    assert find_limit(LOAD, "one core") == pytest.approx(6_000)
    assert find_limit(BATCH, "one core") == pytest.approx(6_000 * 64)


def test_the_money_is_that_of_cores_memory_and_responses() -> None:
    prices = replace(ASSUMED, vcpu_hour_usd=1, gb_hour_usd=10, gb_out_usd=100)
    plan = model.plan(1_000, LOAD, SIZES, prices)
    assert (plan.replicas, plan.gateways) == (4, 1)
    assert plan.memory_gb == pytest.approx(0.85)
    assert plan.machines_usd == pytest.approx(730 * (5 + 8.5))
    # 1 MB per second.
    assert plan.traffic_usd == pytest.approx(730 * 3600 / 1000 * 100)
    assert plan.in_gbit == pytest.approx(0.072 * WIRE_BYTES)
    assert plan.out_gbit == pytest.approx(0.008 * WIRE_BYTES)


def test_every_node_copies_a_version_once() -> None:
    plan = model.plan(16 * 300, LOAD, SIZES, ASSUMED)
    assert (plan.nodes, plan.version_copies_mb) == (2, 12)
    # 60 s at 60 % of 125 MB/s are 4,500 MB on the wire.
    slow = replace(ASSUMED, link_gbit=1)
    nodes, predictions = model.limit_store(LOAD, SIZES, slow)
    assert nodes == int(4_500 / WIRE_BYTES / 6)
    assert predictions == pytest.approx(nodes * 16 * 300)


def test_the_limits_are_those_of_the_gateway() -> None:
    config = CONFIG.read_text()
    ranges = set(re.findall(r"server-template \w+ (\S+)", config))
    assert ranges == {f"1-{model.REPLICAS_PER_GATEWAY}"}
    assert f"bind :5000 name public maxconn {model.CONNECTIONS_PER_GATEWAY}\n" in config
    assert f"\n    timeout http-request {model.IDLE_CONNECTION_S:g}s\n" in config
    assert "timeout http-keep-alive" not in config
