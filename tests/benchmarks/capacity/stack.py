"""Replicas and generators behind HAProxy, as plain processes on chosen cores."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.benchmarks.processes import Program, find_cores, started
from tests.benchmarks.rendering import run_generator
from tests.benchmarks.servers import publish_bundled, run_inference
from tests.gateway import CONFIG, derive_config, remove_json_log
from tests.serving import free_port


@dataclass(frozen=True)
class Stack:
    """A gateway that is ready, and what is behind it."""

    url: str
    gateway: Program
    load_cores: frozenset[int]
    """For the load generator."""
    replicas: tuple[Program, ...] = ()


def check_requirements() -> None:
    """Exit with a sentence if the benchmark cannot run on this machine."""
    find_cores()
    if shutil.which("haproxy") is None:
        sys.exit("not measured: the program haproxy is missing; apt-get install haproxy")


@contextmanager
def run_haproxy(cores: Iterable[int], replicas: Mapping[str, Sequence[int]]) -> Iterator[Stack]:
    """Run the gateway with the project's configuration in front of replicas that are ready."""
    cores = frozenset(cores)
    port = free_port()
    config = remove_json_log(derive_config(CONFIG.read_text(), port, replicas))
    url = f"http://127.0.0.1:{port}"
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(config)
        file.flush()
        with started(["haproxy", "-db", "-f", file.name], cores) as gateway:
            gateway.wait_ready(f"{url}{'/ready' if 'inference' in replicas else '/captcha/spec'}")
            yield Stack(url, gateway, cores)


def split_cores(replica_cores: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return cores for replicas and for the rest, which are the same ones if none is left."""
    first, second = find_cores()
    if replica_cores == 1:
        return frozenset({first}), frozenset({second})
    return frozenset({first, second}), frozenset({first, second})


@contextmanager
def run_replicas(count: int, core_count: int) -> Iterator[Stack]:
    """Run replicas of the inference service on one or two cores, behind the gateway."""
    cores, load_cores = split_cores(core_count)
    with ExitStack() as exits:
        models = exits.enter_context(publish_bundled())
        started_replicas = [exits.enter_context(run_inference(models, cores)) for _ in range(count)]
        for port, program in started_replicas:
            program.wait_ready(f"http://127.0.0.1:{port}/ready")
        ports, programs = zip(*started_replicas, strict=True)
        stack = exits.enter_context(run_haproxy(load_cores, {"inference": ports}))
        yield Stack(stack.url, stack.gateway, load_cores, programs)


@contextmanager
def run_lone_gateway() -> Iterator[Stack]:
    """Run the gateway on a core of its own; the replica has that of the load generator."""
    core, load_core = find_cores()
    with publish_bundled() as models, run_inference(models, {load_core}) as (port, program):
        program.wait_ready(f"http://127.0.0.1:{port}/ready")
        with run_haproxy({core}, {"inference": [port]}) as stack:
            yield Stack(stack.url, stack.gateway, frozenset({load_core}), (program,))


@contextmanager
def run_generators(count: int, processes: int) -> Iterator[Stack]:
    """Run generators with so many worker processes each on two cores, behind the gateway."""
    cores = find_cores()
    with ExitStack() as exits:
        urls = [exits.enter_context(run_generator(cores, processes)) for _ in range(count)]
        ports = [urlsplit(url).port or 0 for url in urls]
        yield exits.enter_context(run_haproxy(cores, {"generator": ports}))
