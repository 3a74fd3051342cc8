"""What runs after `docker stack deploy`, and how versions reach all nodes."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable

import pytest

from tests.deploy.swarm_stack import PAGE
from tests.e2e.captchas import fetch_captchas, predict
from tests.e2e.under_load import check_version, under_load
from tests.e2e_swarm.cluster import REGISTRY, SAME_TEXTS, TAG, Cluster
from tests.e2e_swarm.nodes import Node, run
from tests.load import Load, Shot
from tests.serving import eventually

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
except OSError as error:
    print(error)
else:
    print("connected")
"""


def test_replicas_spread_over_the_nodes_and_every_node_answers(cluster: Cluster) -> None:
    spread = {
        name: Counter(task.node.number for task in cluster.tasks(name))
        for name in ("gateway", "generator", "inference", "sync")
    }
    everywhere = {1: 1, 2: 1, 3: 1}
    assert spread["gateway"] == spread["inference"] == spread["sync"] == everywhere
    assert sorted(spread["generator"].values()) == [1, 1]
    for node in cluster.nodes:
        cluster.wait_for_gateway(node)
        with cluster.client(node) as client:
            captchas = fetch_captchas(client, 20)
            predictions = [predict(client, png).json()["prediction"] for _, png in captchas]
        texts = [text for text, _ in captchas]
        assert sum(a == b for a, b in zip(texts, predictions, strict=True)) >= 18


def test_the_gateway_sees_the_address_of_a_client_on_another_machine(cluster: Cluster) -> None:
    manager, worker = cluster.nodes[0], cluster.nodes[1]
    connect = f"import socket; s = socket.create_connection(('{manager.address}', {cluster.port}))"
    client = worker.run_in_network(f"{connect}; print('connected', flush=True); input()")
    try:
        assert client.stdout
        assert client.stdout.readline().strip() == "connected"
        (gateway,) = [t.container for t in cluster.tasks("gateway") if t.node == manager]
        table = manager.docker("exec", gateway, "cat", "/proc/net/tcp")
        # The kernel prints the bytes of an address in reverse.
        remote = "".join(f"{int(part):02X}" for part in reversed(worker.address.split(".")))
        assert f" {remote}:" in table
    finally:
        client.communicate("\n")


@pytest.mark.parametrize("name", ["generator", "inference"])
def test_replicas_cannot_connect_to_other_hosts(cluster: Cluster, name: str) -> None:
    task = cluster.tasks(name)[0]

    def connect(host: str, port: int) -> str:
        command = ("exec", task.container, "python", "-c", CONNECT, host, str(port))
        return task.node.docker(*command).strip()

    assert "unreachable" in connect(cluster.manager.address, cluster.port)
    assert "unreachable" in connect("192.0.2.1", 443)
    assert connect("tasks.generator", 8000) == "connected"


@pytest.mark.parametrize("name", ["gateway", "generator", "inference", "sync"])
def test_containers_are_restricted_as_the_stack_says(cluster: Cluster, name: str) -> None:
    tasks = cluster.tasks(name)
    assert tasks
    for task in tasks:
        details = task.node.inspect(task.container)
        host = details["HostConfig"]
        assert details["Config"]["User"] not in ("", "root", "0")
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Init"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0


def test_a_training_in_the_swarm_is_published_to_all_nodes(trained: Cluster) -> None:
    assert trained.versions() == [1, 1, 1]

    def find_state(node: Node) -> str:
        with trained.client(node) as client:
            return str(client.get("/training").json()["state"])

    for node in trained.nodes:
        with trained.client(node) as client:
            assert client.get("/model").json()["version"] == 1
        # The trainer uploads its status after the version.
        eventually(lambda n=node: find_state(n) == "published", 30, "the training has ended")
        with trained.operator(node) as operator:
            assert operator.get("/model").json()["sync"]["problems"] == []


def test_no_request_fails_while_a_further_version_reaches_all_nodes(
    trained: Cluster, shots: list[Shot], publish_copy: Callable[[], int]
) -> None:
    with under_load(Load(trained.url(trained.manager), shots, SAME_TEXTS), rate=40):
        number = publish_copy()
        eventually(
            lambda: trained.versions() == [number] * 3, 60, f"version {number} is active everywhere"
        )


def test_no_request_fails_while_a_version_is_withdrawn_from_all_nodes(
    trained: Cluster, shots: list[Shot], publish_copy: Callable[[], int]
) -> None:
    number = publish_copy()
    eventually(lambda: trained.versions() == [number] * 3, 60, "the copy is active everywhere")
    (command,) = re.findall(r"^docker run .*withdraw 7$", PAGE.read_text(), re.MULTILINE)
    local = (
        command.replace(
            "registry.example.com/captcha-trainer:0.1.0", f"{REGISTRY}/captcha-trainer:{TAG}"
        )
        .replace("deploy/store.env", str(trained.directory / "deploy/store.env"))
        .replace("withdraw 7", f"withdraw {number}")
    )
    check = check_version({1: "plain", number - 1: "plain", number: "plain"})
    with under_load(Load(trained.url(trained.manager), shots, check), rate=40):
        run(shlex.split(local))
        eventually(lambda: trained.versions() == [number - 1] * 3, 60, "it is withdrawn")
