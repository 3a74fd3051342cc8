"""The real containers, driven through the Compose command line."""

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


def why_no_engine() -> str | None:
    """A sentence if no Docker engine with Compose answers, else nothing."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            return f"`{' '.join(command)}` fails: {result.stderr.strip()[:200]}"
    return None


def raw_log_of(container: str) -> str:
    result = subprocess.run(
        ["docker", "logs", container], capture_output=True, text=True, check=True
    )
    return result.stdout + result.stderr


@dataclass
class Stack:
    """One Compose project with a port and volumes of its own."""

    project: str
    port: int = field(default_factory=free_port)
    began: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            ["docker", "compose", "-p", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, "PORT": str(self.port), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0 or not check, f"{arguments}: {result.stdout}{result.stderr}"
        return result

    def containers(self, service: str) -> list[str]:
        """Ids of a service's containers, running or not."""
        return self.compose("ps", "-aq", service).stdout.split()

    def inspect(self, container: str) -> dict:
        result = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        return json.loads(result.stdout)[0]

    def logs(self, service: str) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", service).stdout

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)
