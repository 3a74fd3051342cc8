"""Nodes that are drained, die, or lose their connection while requests arrive."""

from __future__ import annotations

import time
from collections import Counter

from tests.e2e.under_load import under_load
from tests.e2e_swarm.cluster import SAME_TEXTS, STACK, Cluster
from tests.e2e_swarm.losses import under_load_with_losses
from tests.e2e_swarm.nodes import Node, start_nodes
from tests.load import Load, Shot
from tests.serving import eventually

RATE = 40.0
# A request takes about 10 ms, and a dead replica gets new ones for at most a second, until three
# connections have failed. Those that were sent on an open connection wait until it ends.
MOST_LOST = 10


def count_by_node(cluster: Cluster, service: str = "inference") -> Counter[int]:
    return Counter(task.node.number for task in cluster.tasks(service))


def wait_until_back(cluster: Cluster, node: Node) -> None:
    """Wait until a node that was away has its sync service and its gateway again."""
    cluster.wait_for_state(node, "ready")
    ready = time.monotonic()
    cluster.wait_for_gateway(node)
    print(f"the gateway of the node answered {time.monotonic() - ready:.0f} s after it was ready")
    eventually(lambda: count_by_node(cluster, "sync")[node.number], 60, "the node is synchronised")


def test_no_request_fails_while_a_node_is_drained_and_used_again(
    three_replicas: Cluster, shots: list[Shot]
) -> None:
    cluster, node = three_replicas, three_replicas.nodes[1]
    with under_load(Load(cluster.url(cluster.manager), shots, SAME_TEXTS), rate=RATE):
        cluster.manager.docker("node", "update", "--availability=drain", node.id)
        eventually(lambda: count_by_node(cluster)[node.number] == 0, 60, "the node is empty")
        cluster.wait_until_up(3)
        cluster.manager.docker("node", "update", "--availability=active", node.id)
        wait_until_back(cluster, node)
        cluster.spread()
        assert count_by_node(cluster) == {1: 1, 2: 1, 3: 1}


def test_only_requests_in_flight_fail_when_a_node_dies(
    three_replicas: Cluster, shots: list[Shot]
) -> None:
    cluster, node = three_replicas, three_replicas.nodes[1]
    load = Load(cluster.url(cluster.manager), shots, SAME_TEXTS)
    try:
        with under_load_with_losses(load, rate=RATE, most=MOST_LOST):
            node.kill()
            died = time.monotonic()
            cluster.wait_for_state(node, "down")
            cluster.wait_until_up(3)
            print(f"three replicas were up {time.monotonic() - died:.0f} s after a node died")
            assert count_by_node(cluster)[node.number] == 0
    finally:
        start_nodes()
    with under_load(Load(cluster.url(cluster.manager), shots, SAME_TEXTS), rate=RATE):
        wait_until_back(cluster, node)
        # Swarm leaves replicas where they are.
        assert count_by_node(cluster)[node.number] == 0
        cluster.spread()
        assert count_by_node(cluster) == {1: 1, 2: 1, 3: 1}


def test_only_requests_in_flight_fail_when_a_node_loses_its_connection(
    three_replicas: Cluster, shots: list[Shot]
) -> None:
    cluster, node = three_replicas, three_replicas.nodes[2]
    load = Load(cluster.url(cluster.manager), shots, SAME_TEXTS)
    try:
        with under_load_with_losses(load, rate=RATE, most=MOST_LOST):
            node.cut()
            cluster.wait_for_state(node, "down")
            cluster.wait_until_up(3)
            # The engine keeps its containers, and stops those that it does not need any more later.
            assert node.docker("ps", "-q", f"--filter=name={STACK}_inference")
            node.reconnect()
            wait_until_back(cluster, node)
            eventually(
                lambda: not node.docker("ps", "-q", f"--filter=name={STACK}_inference"),
                60, "the replaced replica is stopped",
            )  # fmt: skip
            cluster.wait_until_up(3)
    finally:
        node.reconnect()
