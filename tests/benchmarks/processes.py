"""Processes held to some cores, seen from outside: ready or not, and how much memory. On Linux."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

ROOT = Path(__file__).parents[2]
START_S = 120.0
# What these begin with decides what is drawn or trained; empty means the default.
SETTINGS = ("CAPTCHA_", "GENERATOR_", "LOG_REQUESTS", "MAX_DATASET", "RENDER_PROCESSES", "TRAIN_")


class NotStartedError(RuntimeError):
    """A server that did not become ready; the text says what it said last."""


@dataclass(frozen=True)
class Process:
    """A started program, and how to find its process: a container's is not our child."""

    popen: subprocess.Popen[bytes]
    log: IO[bytes]
    find_pid: Callable[[], int]

    def words(self) -> str:
        """All that it has said."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def last_words(self) -> str:
        lines = self.words().strip().splitlines()
        return lines[-1] if lines else "nothing"


@dataclass(frozen=True)
class Running:
    """A server under test."""

    url: str
    ready_s: float
    """From the start of its processes to its first answer 200."""
    processes: Sequence[Process]

    def memory_mb(self) -> float:
        """Resident memory of all its processes, pages they share counted for each."""
        pids = [pid for process in self.processes for pid in process_tree(process.find_pid())]
        return sum(map(resident_bytes, pids)) / 1e6


@contextmanager
def pinned(cores: Iterable[int]) -> Iterator[None]:
    """What is started in the block may use these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: Sequence[str], cores: Iterable[int], environment: Mapping[str, str] | None = None,
    find_pid: Callable[[], int] | None = None,
) -> Iterator[Process]:  # fmt: skip
    """The program, until the end of the block. Nobody waits for it to be ready."""
    with tempfile.TemporaryFile() as log:
        with pinned(cores):
            popen = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        try:
            yield Process(popen, log, find_pid or (lambda: popen.pid))
        finally:
            popen.terminate()
            try:
                popen.wait(timeout=10)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()


def python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """With every setting of generator and trainer that is not given left at its default."""
    return {key: "" for key in os.environ if key.startswith(SETTINGS)} | dict(environment)


def wait_ready(url: str, process: Process) -> None:
    """Returns at the first answer 200. Raises NotStartedError."""
    deadline = time.monotonic() + START_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while True:
            with suppress(httpx.TransportError):
                if client.get(url).status_code == httpx.codes.OK:
                    return
            if process.popen.poll() is not None or time.monotonic() > deadline:
                raise NotStartedError(f"not started, its last words: {process.last_words()}")
            time.sleep(0.02)


def check_cores(process: Process, cores: Iterable[int]) -> None:
    """Raises NotStartedError if a thread may run elsewhere: libraries pin their own threads."""
    for pid in process_tree(process.find_pid()):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                if not os.sched_getaffinity(int(task.name)) <= set(cores):
                    raise NotStartedError(f"a thread of it left core {cores}")


def process_tree(root: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended meanwhile
            # pid (name) state parent ...; the name may hold blanks and brackets.
            parent = stat.read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(stat.parent.name))
    tree = [root]
    for pid in tree:
        tree += children[pid]
    return tree


def resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
