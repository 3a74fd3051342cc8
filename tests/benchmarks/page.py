"""docs/benchmarks.md: Markdown tables, the description of the machine, and the sections."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from shared.versions.manifest import Accuracy
from tests.benchmarks.processes import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
BUSY_LOAD_AVERAGE = 0.5
LIBRARIES = ("openvino", "fastapi", "uvicorn", "captcha", "pillow", "numpy", "keras")


def format_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns, except the first one, are right-aligned."""
    head, *body = (f"| {' | '.join(row)} |" for row in (columns, *rows))
    return "\n".join([head, f"|---|{'--:|' * (len(columns) - 1)}", *body])


def format_rounds(values: Sequence[float], style: str) -> str:
    """Return the median of the rounds, with the worst and the best round in brackets."""
    spread = f" ({min(values):{style}} to {max(values):{style}})" if len(values) > 1 else ""
    return f"{median(values):{style}}{spread}"


def format_accuracy(accuracy: Accuracy) -> tuple[str, str, str]:
    """Return the cells accuracy, 95 % interval and n."""
    low, high = accuracy.accuracy_interval_95
    return f"{accuracy.accuracy:.2%}", f"{low:.2%} to {high:.2%}", f"{accuracy.n:,}"


def describe_machine() -> str:
    """Return CPU, cores, load average, versions and date; warn if the machine is busy."""
    load_average = os.getloadavg()[0]
    if load_average > BUSY_LOAD_AVERAGE:
        print("the machine is busy; the values can be misleading", file=sys.stderr)
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in cpuinfo if line.startswith("model name")]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return (
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, load average"
        f" before {load_average:.2f}; Python {platform.python_version()}, {', '.join(versions)};"
        f" {datetime.now(UTC):%Y-%m-%d}"
    )


def replace_section(page: str, name: str, text: str) -> str:
    """Return the page with `text` between the markers of a section."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page contains no {begin} ... {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def publish(name: str, paragraphs: Iterable[str], *, quick: bool) -> None:
    """Print a section and, unless the run was quick, write it to docs/benchmarks.md."""
    section = "\n\n".join(paragraphs)
    print(section)
    if not quick:
        PAGE.write_text(replace_section(PAGE.read_text(), name, section))
