"""How the benchmark uses the cores."""

from __future__ import annotations

import argparse
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.benchmarks.designs import __main__ as benchmark
from tests.benchmarks.designs.table import Budget
from tests.benchmarks.processes import find_cores

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")


def test_each_training_has_the_cores_of_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = find_cores()
    seen = []

    def add_training(*_: object) -> None:
        seen.append(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {first})  # as OpenVINO does

    monkeypatch.setattr(benchmark, "add_training", add_training)
    before = os.sched_getaffinity(0)
    results: Any = [SimpleNamespace(base=object()), SimpleNamespace(base=object())]
    benchmark.train_all(results, [Budget(300)], argparse.Namespace(), {second})
    assert seen == [{second}, {second}]
    assert os.sched_getaffinity(0) == before
