"""Captchas per second of the captcha library and of a generator."""

from __future__ import annotations

import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from captcha.image import ImageCaptcha

from shared.captchas.dataset_archive import read_npz
from tests.benchmarks.page import format_rounds
from tests.benchmarks.processes import module, started
from tests.serving import free_port

LIBRARY = "the library, `ImageCaptcha.generate`, one process"
NPZ = "the generator on two cores, `GET /dataset?format=npz`"
ZIP = "the generator on two cores, `GET /dataset?format=zip`"
SEED = 3_000_003  # no training with TRAIN_SEED=1 uses it


@contextmanager
def run_generator(cores: Iterable[int], processes: int | None = None) -> Iterator[str]:
    """Run a generator with default settings, or so many worker processes, and yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"GENERATOR_PORT": str(port)}
    if processes is not None:
        environment["RENDER_PROCESSES"] = str(processes)
    with started(module("generator_service"), cores, environment) as program:
        program.wait_ready(f"{url}/ready")
        yield url


def measure_library(seconds: float) -> float:
    """Return the captchas per second of `ImageCaptcha.generate` in this process, as PNG."""
    library, digits = ImageCaptcha(160, 60), random.Random(SEED)
    library.generate("0000")  # loads the fonts
    captchas, begin = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - begin) < seconds:
        library.generate(f"{digits.randrange(10_000):04}")
        captchas += 1
    return captchas / elapsed_s


def measure_generator(url: str, kind: str, size: int, seconds: float) -> float:
    """Return the captchas per second of datasets that are written to disk one after the other."""
    with tempfile.TemporaryDirectory(prefix="datasets-") as directory:
        paths: list[Path] = []
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            begin = time.perf_counter()
            while not paths or time.perf_counter() - begin < seconds:
                seed = SEED + len(paths)
                query = {"count": str(size), "seed": str(seed), "format": kind}
                path = Path(directory, f"{seed}.{kind}")
                with client.stream("GET", "/dataset", params=query) as response:
                    response.raise_for_status()
                    with path.open("wb") as file:
                        file.writelines(response.iter_bytes())
                paths.append(path)
            elapsed_s = time.perf_counter() - begin
        for path in paths:
            if (found := count_captchas(path)) != size:
                raise ValueError(f"{path.name} contains {found} captchas, not {size}")
    return size * len(paths) / elapsed_s


def count_captchas(path: Path) -> int:
    """Return the number of captchas in a dataset after checking that it is undamaged."""
    if path.suffix == ".npz":
        return len(read_npz(path).texts)
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} in {path.name} is damaged")
        return len(archive.namelist())


def measure_rates(url: str, rounds: int, seconds: float, size: int) -> dict[str, list[float]]:
    """Return the captchas per second in each round."""
    sources: dict[str, Callable[[], float]] = {
        LIBRARY: lambda: measure_library(seconds),
        NPZ: lambda: measure_generator(url, "npz", size, seconds),
        ZIP: lambda: measure_generator(url, "zip", size, seconds),
    }
    rates: dict[str, list[float]] = {name: [] for name in sources}
    for number in range(rounds):
        for name, measure in sources.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            rates[name].append(measure())
    return rates


def format_rates(rates: Mapping[str, Sequence[float]]) -> list[tuple[str, str, str]]:
    """Return a row per source, with the multiple of the library in the same rounds."""
    rows = []
    for name, values in rates.items():
        multiples = [v / library for v, library in zip(values, rates[LIBRARY], strict=True)]
        rows.append((name, format_rounds(values, ",.0f"), format_rounds(multiples, ".2f")))
    return rows
