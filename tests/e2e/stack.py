"""The containers of one Compose project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.serving import free_port

ROOT = Path(__file__).parents[2]


def find_engine_problem() -> str | None:
    """Return why no Docker engine with Compose can be used, or None."""
    if shutil.which("docker") is None:
        return "the docker command is not installed"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            return f"`{' '.join(command)}` fails: {result.stderr.strip()[:200]}"
    return None


def read_log(container: str) -> str:
    """Return the log of a container."""
    result = subprocess.run(
        ["docker", "logs", container], capture_output=True, text=True, check=True
    )
    return result.stdout + result.stderr


@dataclass
class Stack:
    """A Compose project with its own port and volumes.

    Attributes:
        project: name of the project.
        presets: directory mounted as /presets.
        port: port of the gateway for clients.
        admin_port: port of the gateway for operators.
        started: time of `up`, in seconds of `time.monotonic`.
    """

    project: str
    presets: Path
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    started: float = 0.0

    @property
    def url(self) -> str:
        """Address of the gateway for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Address of the gateway for operators, which serves everything."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of Compose commands."""
        ports = {"PORT": str(self.port), "ADMIN_PORT": f"127.0.0.1:{self.admin_port}"}
        return {**os.environ, **ports, "PRESETS_DIR": str(self.presets)}

    def compose(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a Compose command."""
        result = subprocess.run(
            ["docker", "compose", "-p", self.project, *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0 or not check, f"{arguments}: {result.stdout}{result.stderr}"
        return result

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not, without those of `run`."""
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{key}={v}" for key, v in labels.items()]
        result = subprocess.run(
            ["docker", "ps", "-aq", "--no-trunc", *filters],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return result.stdout.split()

    def inspect(self, container: str) -> dict:
        """Return the details of a container."""
        result = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        return json.loads(result.stdout)[0]

    def logs(self, service: str) -> str:
        """Return the logs of a service."""
        return self.compose("logs", "--no-color", "--no-log-prefix", service).stdout

    def client(self) -> httpx.Client:
        """Return a client of the gateway."""
        return httpx.Client(base_url=self.url, timeout=30)

    def admin_client(self) -> httpx.Client:
        """Return a client of the gateway's port for operators."""
        return httpx.Client(base_url=self.admin_url, timeout=30)
