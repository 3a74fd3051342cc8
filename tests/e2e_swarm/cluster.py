"""The stack of deploy/swarm/stack.yml on the nodes of a Swarm."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.replicas import count_up
from tests.e2e.under_load import check_version
from tests.e2e_swarm.nodes import Node, run
from tests.serving import eventually, free_port

# Nothing listens there, so that an engine at once uses the image that it has.
REGISTRY = "localhost:1"
TAG = "test"
STACK = "captcha-test"
STACK_FILES = ("stack.yml", "operator.yml", "test.yml")
# All later versions are copies of the first; a test that fails can leave one.
SAME_TEXTS = check_version(dict.fromkeys(range(1, 10), "plain"))


@dataclass(frozen=True)
class Task:
    """A container of a service, as the manager knows it."""

    node: Node
    container: str
    state: str
    image: str


@dataclass
class Cluster:
    """The deployed stack.

    Attributes:
        nodes: the manager first.
        directory: contains a copy of deploy/.
        environment: variables of `docker stack deploy`.
        port: port of the gateways for clients.
        admin_port: port of the gateways for operators.
    """

    nodes: list[Node]
    directory: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)

    @property
    def manager(self) -> Node:
        """The node that receives the commands and the requests."""
        return self.nodes[0]

    def url(self, node: Node) -> str:
        """Return the address of the gateway of a node."""
        return f"http://{node.address}:{self.port}"

    def client(self, node: Node | None = None) -> httpx.Client:
        """Return a client of the gateway of a node, by default of the manager."""
        return httpx.Client(base_url=self.url(node or self.manager), timeout=30)

    def operator(self, node: Node | None = None) -> httpx.Client:
        """Return a client of the port for operators of a node, by default of the manager."""
        address = (node or self.manager).address
        return httpx.Client(base_url=f"http://{address}:{self.admin_port}", timeout=30)

    def deploy(self) -> None:
        """Run `docker stack deploy`."""
        stack = self.directory / "deploy/swarm"
        files = [f"--compose-file={stack / name}" for name in STACK_FILES]
        options = ["--detach=true", "--resolve-image=never"]
        run(
            ["docker", "stack", "deploy", *options, *files, STACK],
            environment=self.environment
            | {"PORT": str(self.port), "ADMIN_PORT": str(self.admin_port)},
        )

    def remove(self) -> None:
        """Remove the stack, and the volumes of the manager. Those of the workers end with them."""
        run(["docker", "stack", "rm", "--detach=false", STACK], check=False)
        names = [f"{STACK}_{name}" for name in ("models", "data")]
        # A container can use a volume for some seconds more.
        eventually(lambda: not self.remove_volumes(names), 30, "the volumes are removed")

    def remove_volumes(self, names: list[str]) -> str:
        """Remove volumes of the manager that are not in use, and return those that remain."""
        self.manager.docker("volume", "rm", "-f", *names, check=False)
        return self.manager.docker("volume", "ls", "-q", f"--filter=name={STACK}_")

    def service(self, *arguments: str, check: bool = True) -> str:
        """Run `docker service` on the manager and return its output."""
        return self.manager.docker("service", *arguments, check=check)

    def inspect_service(self, name: str) -> dict[str, Any]:
        """Return the details of a service."""
        details: dict[str, Any] = json.loads(self.service("inspect", f"{STACK}_{name}"))[0]
        return details

    def scale(self, replicas: int) -> None:
        """Run this number of inference replicas, and wait until the gateway uses them."""
        self.service("scale", "--detach", f"{STACK}_inference={replicas}")
        self.wait_until_up(replicas)

    def spread(self) -> None:
        """Place one inference replica on each node.

        Swarm adds replicas to the nodes with the fewest, and removes them from those with the most.
        """
        self.scale(2 * len(self.nodes))
        self.scale(len(self.nodes))

    def tasks(self, service: str) -> list[Task]:
        """Return the tasks of a service that should run; their container may not exist yet."""
        ids = self.service("ps", "-q", "--filter=desired-state=running", f"{STACK}_{service}")
        if not ids:
            return []
        found = json.loads(self.manager.docker("inspect", "--type=task", *ids.split()))
        nodes = {node.id: node for node in self.nodes}
        return [
            Task(
                nodes[task["NodeID"]],
                task["Status"].get("ContainerStatus", {}).get("ContainerID", ""),
                task["Status"]["State"],
                task["Spec"]["ContainerSpec"]["Image"],
            )
            for task in found
            if task.get("NodeID")
        ]

    def is_up(self, replicas: int) -> bool:
        """Return whether so many inference replicas run and the manager's gateway uses them."""
        states = [task.state for task in self.tasks("inference")]
        if states != ["running"] * replicas:
            return False
        with self.operator() as operator:
            return count_up(operator) == replicas

    def wait_until_up(self, replicas: int, timeout_s: float = 90) -> None:
        """Wait until so many inference replicas run and the manager's gateway uses them."""
        eventually(lambda: self.is_up(replicas), timeout_s, f"{replicas} replicas are up")

    def wait_for_gateway(self, node: Node) -> None:
        """Wait until the gateway of a node has found replicas of both services."""

        def answers() -> bool:
            with self.client(node) as client:
                return {client.get(path).status_code for path in ("/ready", "/captcha")} == {200}

        eventually(answers, 60, f"the gateway of node {node.number} answers")

    def versions(self) -> list[int | None]:
        """Return the active version of every inference replica."""
        return [get_version(task) for task in self.tasks("inference")]

    def wait_for_state(self, node: Node, state: str) -> None:
        """Wait until a node is `ready` or `down`, as the manager sees it."""
        command = ("node", "inspect", "-f", "{{.Status.State}}", node.id)
        eventually(
            lambda: self.manager.docker(*command).strip() == state,
            60,
            f"node {node.number} is {state}",
        )


def get_version(task: Task) -> int | None:
    """Return the active version of a replica; None if it does not answer."""
    program = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:5000/ready').read().decode())"
    answer = task.node.docker("exec", task.container, "python", "-c", program, check=False)
    return int(json.loads(answer)["version"]) if answer else None
