"""Who is measured, and how each is started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.gateway import gateway
from tests.benchmarks.processes import Running, check_cores, python, started, wait_ready
from tests.serving import free_port

COURSE = "the course's way: Flask development server, Keras `predict`"
DDDDOCR = "ddddocr behind FastAPI"
DIRECT = "ours, one replica"
GATEWAY = "ours, one replica through the gateway"
PAIR = "ours, two replicas through the gateway"
CONSTANT = "floor: FastAPI answering a constant"


@dataclass(frozen=True)
class Cores:
    """Which core does what."""

    server: int
    load: int
    """Also the gateway's."""
    beside_two: tuple[int, ...]
    """For load generator and gateway while two replicas have the other two."""

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Raises ValueError if there is only one."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise ValueError("two cores are needed, one for the server and one for the load")
        return cls(cores[0], cores[1], tuple(cores[2:4]) or tuple(cores[:2]))

    @property
    def two_share(self) -> bool:
        """Whether two replicas leave no core to load generator and gateway."""
        return self.server in self.beside_two


@dataclass(frozen=True)
class Contender:
    """A server to be measured."""

    name: str
    start: Callable[[], AbstractContextManager[Running]]
    load_cores: tuple[int, ...]


def list_contenders(models: Path, cores: Cores, haproxy: str | None) -> list[Contender]:
    """All that can be measured here; `models` is the directory above `captcha/<number>`."""

    def module(
        name: str, environment: Mapping[str, str] | None = None
    ) -> Callable[[], AbstractContextManager[Running]]:
        return lambda: _module(f"tests.benchmarks.{name}", cores.server, environment or {})

    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    load = (cores.load,)
    contenders = [
        Contender(COURSE, module("course_server", quiet), load),
        Contender(DDDDOCR, module("ddddocr_server"), load),
        Contender(CONSTANT, module("constant_server"), load),
        Contender(DIRECT, lambda: _ours(models, (cores.server,), None, load), load),
    ]
    if haproxy is not None:
        both = (cores.server, cores.load)
        contenders += [
            Contender(GATEWAY, lambda: _ours(models, (cores.server,), haproxy, load), load),
            Contender(
                PAIR, lambda: _ours(models, both, haproxy, cores.beside_two), cores.beside_two
            ),
        ]
    return contenders


@contextmanager
def _module(name: str, core: int, environment: Mapping[str, str]) -> Iterator[Running]:
    port = free_port()
    began = time.perf_counter()
    with started(python(name, port), {core}, environment) as process:
        wait_ready(f"http://127.0.0.1:{port}/ping", process)
        ready_s = time.perf_counter() - began
        check_cores(process, {core})
        yield Running(f"http://127.0.0.1:{port}", ready_s, [process])


@contextmanager
def _ours(
    models: Path,
    replica_cores: tuple[int, ...],
    haproxy: str | None,
    gateway_cores: tuple[int, ...],
) -> Iterator[Running]:
    ports = [free_port() for _ in replica_cores]
    began = time.perf_counter()
    with ExitStack() as stack:
        processes = []
        for port, core in zip(ports, replica_cores, strict=True):
            environment = {
                "MODELS_DIR": str(models.resolve()),
                "INFERENCE_PORT": str(port),
                "MODEL_BOX": "off",  # what is measured is the version given, or nothing
                "DRAIN_S": "0",  # nobody asks any more when it is stopped
            }
            command = python("inference_service")
            processes.append(stack.enter_context(started(command, {core}, environment)))
        url = f"http://127.0.0.1:{ports[0]}"
        if haproxy is not None:
            door = free_port()
            process = stack.enter_context(gateway(haproxy, door, ports, gateway_cores))
            url = f"http://127.0.0.1:{door}"
        for port, core, replica in zip(ports, replica_cores, processes, strict=True):
            wait_ready(f"http://127.0.0.1:{port}/ready", replica)
            check_cores(replica, {core})
        if haproxy is not None:
            wait_ready(f"{url}/ready", process)
            processes.append(process)
        yield Running(url, time.perf_counter() - began, processes)
