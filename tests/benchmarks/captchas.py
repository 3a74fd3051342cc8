"""Captchas per second: of a generator over HTTP, and of the bare library."""

from __future__ import annotations

import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from shared.dataset_archive import read_npz
from tests.benchmarks.processes import ROOT, pinned, plain, python, started, wait_ready
from tests.serving import free_port

SEED = 3_000_003  # far from those that the trainer makes of TRAIN_SEED=1
TIMEOUT_S = 60.0


@contextmanager
def generator(cores: Iterable[int]) -> Iterator[str]:
    """The URL of a generator with default settings on these cores. Raises NotStartedError."""
    port = free_port()
    environment = plain({"GENERATOR_PORT": str(port)})
    with started(python("generator_service"), cores, environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_ready(f"{url}/ready", process)
        yield url


def measure_library(seconds: float, cores: Iterable[int]) -> float:
    """Captchas per second of one process, which may use whichever core is free."""
    with pinned(cores):
        output = subprocess.check_output(python("tests.benchmarks.library", seconds), cwd=ROOT)
    return float(output)


@dataclass(frozen=True)
class Requests:
    """Datasets fetched one after the other, as a trainer does."""

    url: str
    cores: frozenset[int]
    """Of the client, which are the generator's too."""
    size: int
    """Captchas for each."""

    def measure(self, kind: str, seconds: float) -> float:
        """Captchas per second of whole datasets, `npz` or `zip`, onto the disk.

        Raises httpx.HTTPError, and ValueError for a dataset that is not what was asked for.
        """
        with tempfile.TemporaryDirectory(prefix="bench-captchas-") as directory:
            paths = []
            with pinned(self.cores), httpx.Client(
                base_url=self.url, trust_env=False, timeout=TIMEOUT_S
            ) as client:  # fmt: skip
                began = time.perf_counter()
                for seed in count(SEED):
                    path = Path(directory, f"{seed}.{kind}")
                    self._fetch(client, kind, seed, path)
                    paths.append(path)
                    passed = time.perf_counter() - began
                    if passed >= seconds:
                        break
            for path in paths:
                if (found := _count(path)) != self.size:
                    raise ValueError(f"{path.name} holds {found} captchas, not {self.size}")
        return self.size * len(paths) / passed

    def _fetch(self, client: httpx.Client, kind: str, seed: int, path: Path) -> None:
        query: dict[str, str | int] = {"count": self.size, "seed": seed, "format": kind}
        with client.stream("GET", "/dataset", params=query) as answer, path.open("wb") as file:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                file.write(block)


def _count(path: Path) -> int:
    """Captchas in a dataset that is whole. Raises ValueError."""
    if path.suffix == ".npz":
        return len(read_npz(path).texts)
    try:
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():
                raise ValueError(f"{broken} in {path.name} is damaged")
            return len(archive.namelist())
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name}: {error}") from error
