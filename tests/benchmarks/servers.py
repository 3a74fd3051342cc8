"""The servers that `make bench-serving` measures, and how each one starts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.versions.artifacts import MODEL_NAME
from tests.benchmarks.processes import ROOT, Program, module, started
from tests.gateway import CONFIG as GATEWAY_CONFIG
from tests.gateway import derive_config
from tests.serving import free_port

COURSE = "the course's service: Flask development server, Keras `predict`, random weights"
DDDDOCR = "ddddocr behind FastAPI"
CONSTANT = "constant response from FastAPI"
REPLICA = "inference service, one replica"
GATEWAY = "inference service, one replica behind the gateway"
BUNDLED = ROOT / "shared" / "bundled" / "0"
GATEWAY_IMAGE = "haproxy:3.0"


@dataclass(frozen=True)
class RunningServer:
    """A server that is ready."""

    url: str
    ready_s: float
    """Seconds from the start of the first process to the first status 200."""
    program: Program
    """The server without the gateway."""


Start = Callable[[], AbstractContextManager[RunningServer]]


def list_servers(core: int, load_core: int) -> dict[str, Start]:
    """Return how each server starts; the gateway needs Docker."""
    servers: dict[str, Start] = {
        COURSE: partial(run_reference, "course", core),
        DDDDOCR: partial(run_reference, "ddddocr", core),
        CONSTANT: partial(run_reference, "constant", core),
        REPLICA: partial(run_replica, core),
    }
    if shutil.which("docker"):
        servers[GATEWAY] = partial(run_replica, core, load_core)
    return servers


@contextmanager
def run_reference(name: str, core: int) -> Iterator[RunningServer]:
    """Run one of the reference servers."""
    port, begin = free_port(), time.perf_counter()
    url = f"http://127.0.0.1:{port}"
    command = module("tests.benchmarks.reference_servers", name, port)
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with started(command, {core}, environment) as program:
        program.wait_ready(f"{url}/ping")
        ready_s = time.perf_counter() - begin
        program.check_core(core)
        yield RunningServer(url, ready_s, program)


@contextmanager
def run_replica(core: int, gateway_core: int | None = None) -> Iterator[RunningServer]:
    """Run the inference service with the bundled model, behind the gateway if it has a core."""
    with ExitStack() as stack:
        models = stack.enter_context(publish_bundled())
        begin = time.perf_counter()
        port, program = stack.enter_context(run_inference(models, {core}))
        url = f"http://127.0.0.1:{port}"
        if gateway_core is not None:
            url = stack.enter_context(run_gateway(port, gateway_core))
        program.wait_ready(f"{url}/ready")
        ready_s = time.perf_counter() - begin
        program.check_core(core)
        yield RunningServer(url, ready_s, program)


@contextmanager
def publish_bundled() -> Iterator[str]:
    """Yield a models directory in which the bundled model is version 1."""
    with tempfile.TemporaryDirectory(prefix="models-") as models:
        shutil.copytree(BUNDLED, Path(models, MODEL_NAME, "1"))
        yield models


@contextmanager
def run_inference(models: str, cores: Iterable[int]) -> Iterator[tuple[int, Program]]:
    """Start a replica, which is not ready yet, and yield its port and program."""
    port = free_port()
    environment = {
        "MODELS_DIR": models,
        "INFERENCE_PORT": str(port),
        "BUNDLED_MODEL": "off",  # it is published as version 1, with a load check
        "DRAIN_S": "0",
    }
    with started(module("inference_service"), cores, environment) as program:
        yield port, program


@contextmanager
def run_gateway(replica_port: int, core: int) -> Iterator[str]:
    """Run the gateway in a container on one core and yield its URL."""
    port = free_port()
    name = f"benchmark-gateway-{port}"
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(derive_config(GATEWAY_CONFIG.read_text(), port, {"inference": [replica_port]}))
        file.flush()
        Path(file.name).chmod(0o644)  # the container has another user
        command = ["docker", "run", "--rm", "--network=host", f"--name={name}"]
        command += [f"--cpuset-cpus={core}"]
        command += [f"--volume={file.name}:/usr/local/etc/haproxy/haproxy.cfg:ro", GATEWAY_IMAGE]
        try:
            with started(command, {core}) as program:
                program.wait_ready(f"http://127.0.0.1:{port}/ready")
                yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
