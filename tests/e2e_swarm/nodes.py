"""A Swarm of three engines, each in a network namespace of this machine."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import ROOT, find_engine_problem

SWARM_UP = ROOT.parent / "shared/bin/swarm-up"
WORK = Path("/var/tmp/swarm")


def find_swarm_problem() -> str | None:
    """Return why no Swarm can be started, or None."""
    if not SWARM_UP.exists():
        return "no script that starts three engines on one machine"
    if problem := find_engine_problem():
        return problem
    state = subprocess.run(
        ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    if state != "inactive" and not WORK.exists():
        return "the engine is in a Swarm already, which the tests would end"
    return None


def run(
    command: list[str], *, check: bool = True, environment: dict[str, str] | None = None
) -> str:
    """Run a command and return its output."""
    result = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0 or not check, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@dataclass(frozen=True)
class Node:
    """One engine of the Swarm.

    Attributes:
        number: 1 is the manager, 2 and 3 are workers.
        id: the id of the node in the Swarm.
    """

    number: int
    id: str

    @property
    def address(self) -> str:
        """Address in the network of the nodes."""
        return f"10.99.0.{self.number}"

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Run a command of the node's engine and return its output."""
        return run(["docker", "-H", find_socket(self.number), *arguments], check=check)

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the details of a container of the node."""
        details: dict[str, Any] = json.loads(self.docker("inspect", container))[0]
        return details

    def kill(self) -> None:
        """End the engine and the containers of a worker at once."""
        run([str(SWARM_UP), "--kill", str(self.number)])

    def cut(self) -> None:
        """Disconnect a worker from the other nodes."""
        run(["ip", "link", "set", f"v{self.number}", "down"])

    def reconnect(self) -> None:
        """Connect a worker again."""
        run(["ip", "link", "set", f"v{self.number}", "up"])

    def run_in_network(self, program: str) -> subprocess.Popen[str]:
        """Start a Python program that uses the network of a worker."""
        namespace = f"--net=/var/run/netns/node{self.number}"
        command = ["nsenter", namespace, "python3", "-c", program]
        return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def find_socket(number: int) -> str:
    """Return the address of a node's engine."""
    return (
        f"unix://{WORK}/node{number}/docker.sock" if number > 1 else "unix:///var/run/docker.sock"
    )


def start_nodes(*images: str) -> list[Node]:
    """Start the nodes that do not run, load images into all of them, and return the nodes."""
    run([str(SWARM_UP), *images])
    numbers = (1, 2, 3)
    command = ["info", "--format", "{{.Swarm.NodeID}}"]
    return [Node(n, run(["docker", "-H", find_socket(n), *command]).strip()) for n in numbers]


def stop_nodes() -> None:
    """Leave the Swarm and remove the two workers."""
    run([str(SWARM_UP), "--down"])
