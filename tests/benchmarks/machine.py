"""What a measurement was made on, in one line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.processes import pinned

LIBRARIES = (
    "openvino", "fastapi", "uvicorn", "captcha", "pillow", "numpy", "tensorflow", "tensorflow-cpu",
    "keras", "flask", "ddddocr", "onnxruntime",
)  # fmt: skip


PAUSE_S = 1e-3
PAUSES_S = 5.0
BUSY_LOAD_AVERAGE = 0.5


def look_at_machine(core: int, program: str) -> str:
    """What `program` is about to measure on, in one line; warns if others are at work on it."""
    load_average = os.getloadavg()[0]
    if load_average > BUSY_LOAD_AVERAGE:
        print(f"{program}: the machine is busy; ratios may mislead", file=sys.stderr)
    return describe_machine(load_average, count_pauses({core}, PAUSES_S))


def count_pauses(cores: set[int], seconds: float) -> float:
    """How often per second a program that does nothing but look at the clock is stopped for 1 ms.

    On a machine of one's own hardly ever. On a share of one it is what latencies cannot be
    better than.
    """
    pauses = 0
    with pinned(cores):
        began = last = time.perf_counter()
        while last - began < seconds:
            now = time.perf_counter()
            pauses += now - last > PAUSE_S
            last = now
    return pauses / seconds


def describe_machine(load_average: float, pauses: float) -> str:
    """CPU, cores, versions, date, how busy it was before, and how often it stops."""
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            continue  # one of the two builds of TensorFlow
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()}, load average before"
        f" {load_average:.2f}, a core stops for 1 ms or more {pauses:.0f} times a second;"
        f" Python {platform.python_version()}, {', '.join(versions)}; {datetime.now(UTC):%Y-%m-%d}"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()  # ARM names none
