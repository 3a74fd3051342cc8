"""The project's gateway in front of replicas on ports of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.processes import ROOT, Process, started
from tests.serving import free_port

IMAGE = "haproxy:3.0"
CONFIG = ROOT / "inference_service" / "haproxy.cfg"
DOOR_PORT = 5000
# Docker's DNS, without which names cannot be resolved again and again.
RESOLVING = re.compile(r"\s+(?:resolvers|resolve-prefer|resolve-net|resolve-opts|init-addr)\s+\S+")
TEMPLATE = re.compile(r"^(\s*)server-template\s+(\S+)\s+\S+\s+([\w.-]+):\d+(.*)$")
BIND = re.compile(r"^(\s*bind\s+)\S*?:(\d+)(.*)$")


def derive_config(config: str, port: int, replicas: Sequence[int]) -> str:
    """The configuration with its door at `port` and replicas at given ports, all on 127.0.0.1.

    What it does with a request stays as it is; the generator has no servers, and no name is
    looked up. Other doors, such as one for metrics, get free ports.
    """
    derived: list[str] = []
    in_resolvers = False
    for line in config.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            in_resolvers = line.split()[0] == "resolvers"
        if in_resolvers:
            continue
        if template := TEMPLATE.match(line):
            indent, prefix, host, options = template.groups()
            if host.startswith("inference"):
                derived += [
                    f"{indent}server {prefix}{i} 127.0.0.1:{replica}{RESOLVING.sub('', options)}"
                    for i, replica in enumerate(replicas, start=1)
                ]
        elif bind := BIND.match(line):
            before, old, options = bind.groups()
            new = port if int(old) == DOOR_PORT else free_port()
            derived.append(f"{before}127.0.0.1:{new}{options}")
        elif line.lstrip().startswith("#"):
            derived.append(line)
        else:
            derived.append(RESOLVING.sub("", line))
    return "\n".join(derived) + "\n"


def find_haproxy() -> str | None:
    """`docker`, a path, or nothing if HAProxy cannot be run here."""
    if shutil.which("docker") and (
        _succeeds("docker", "image", "inspect", IMAGE) or _succeeds("docker", "pull", IMAGE)
    ):
        return "docker"
    return shutil.which("haproxy")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def gateway(
    haproxy: str, port: int, replicas: Sequence[int], cores: Iterable[int]
) -> Iterator[Process]:
    """HAProxy, started with what `find_haproxy` found, on these cores."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(derive_config(CONFIG.read_text(), port, replicas))
        file.flush()
        Path(file.name).chmod(0o644)  # its user in the container is another one
        if haproxy != "docker":
            with started([haproxy, "-db", "-f", file.name], cores) as process:
                yield process
            return
        name = f"captcha-benchmark-{port}"
        command = [
            "docker", "run", "--rm", "--network", "host", "--name", name,
            "--cpuset-cpus", ",".join(map(str, cores)),
            "--volume", f"{file.name}:/usr/local/etc/haproxy/haproxy.cfg:ro", IMAGE,
        ]  # fmt: skip
        inspect = ["docker", "inspect", "--format", "{{.State.Pid}}", name]
        try:
            with started(
                command, cores, find_pid=lambda: int(subprocess.check_output(inspect))
            ) as process:
                yield process
        finally:
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
