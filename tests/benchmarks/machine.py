"""What a measurement was made on, in one line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

LIBRARIES = (
    "openvino", "fastapi", "uvicorn", "pillow", "numpy", "tensorflow", "tensorflow-cpu", "keras",
    "flask", "ddddocr", "onnxruntime",
)  # fmt: skip


def describe_machine(load_average: float) -> str:
    """CPU, cores, versions, date, and how busy it was with other things before."""
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            continue  # one of the two builds of TensorFlow
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()}, load average before"
        f" {load_average:.2f}; Python {platform.python_version()}, {', '.join(versions)};"
        f" {datetime.now(UTC):%Y-%m-%d}"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()  # ARM names none
