"""Programs that run on chosen cores: start, readiness, output and memory. Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_S = 120.0
# Other variables are not inherited, because programs are measured with their default settings.
INHERITED = ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "DOCKER_HOST")


class ProgramError(RuntimeError):
    """A program that failed or did not become ready; the message contains its last line."""


@dataclass(frozen=True)
class Program:
    """A program that runs."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def fail(self, problem: str) -> ProgramError:
        """Return an error with the last line of the output."""
        lines = self.read_output().strip().splitlines()
        return ProgramError(f"{problem}; its last line: {lines[-1] if lines else ''}")

    def read_output(self) -> str:
        """Return what the program has printed so far."""
        # The program writes at the position of this file, so reading must not move it.
        output = os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0)
        return output.decode("utf-8", "replace")

    def measure_memory_mb(self) -> float:
        """Return the resident memory, without child processes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def measure_cpu_s(self) -> float:
        """Return the CPU time of all threads since the start."""
        # The clock that clock_getcpuclockid(3) returns, which Python does not have.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def check_core(self, core: int) -> None:
        """Check that all threads are restricted to a core; some libraries pin their threads."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(ProcessLookupError):
                if os.sched_getaffinity(int(task.name)) != {core}:
                    raise self.fail(f"a thread is not restricted to core {core}")

    def wait_end(self, timeout_s: float, line: str = "") -> None:
        """Return when the program has ended, or has printed a line that contains `line`.

        Raises:
            ProgramError: if neither happens in time, or if the exit status is not 0.
        """
        deadline = time.monotonic() + timeout_s
        while not (line and line in self.read_output()):
            if self.process.poll() is not None:
                break
            if time.monotonic() > deadline:
                raise self.fail(f"not done after {timeout_s:g} s")
            time.sleep(0.1)
        if self.process.poll():
            raise self.fail(f"exit status {self.process.returncode}")

    def wait_ready(self, url: str) -> None:
        """Return at the first response with status 200."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        with httpx.Client(trust_env=False, timeout=5) as client:
            while True:
                with suppress(httpx.TransportError):
                    if client.get(url).status_code == httpx.codes.OK:
                        return
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise self.fail("not ready")
                time.sleep(0.02)


def find_cores() -> tuple[int, int]:
    """Return two cores: one for a server, one for the load generator and the gateway."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("the benchmarks need two cores")
    return cores[0], cores[1]


@contextmanager
def pinned(cores: Iterable[int]) -> Iterator[None]:
    """Restrict this thread, and the programs that it starts, to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: Sequence[str], cores: Iterable[int], environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Start a program and stop it at the end of the block."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment = inherited | dict(environment or {})
    with tempfile.TemporaryFile() as log:
        with pinned(cores):
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield Program(process, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def module(name: str, *arguments: object) -> list[str]:
    """Return the command that runs a Python module."""
    return [sys.executable, "-m", name, *map(str, arguments)]
