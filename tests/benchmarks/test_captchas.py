"""Captchas per second are counted off whole datasets only."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import httpx
import pytest

from tests.benchmarks.captchas import SEED, Requests, measure_library

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes are held to cores on Linux only"
)


def requests(url: object, size: int) -> Requests:
    return Requests(str(url), frozenset(os.sched_getaffinity(0)), size)


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_datasets_of_a_real_generator_are_counted(generator: httpx.Client, kind: str) -> None:
    began = time.perf_counter()
    rate = requests(generator.base_url, 40).measure(kind, 0.01)
    # At least one dataset in at most all of the time, and so many never come in a hundredth of it.
    passed = time.perf_counter() - began
    assert 40 / passed <= rate < 100 * 40 / passed


@pytest.mark.parametrize("kind", ["npz", "zip"])
@pytest.mark.parametrize("fault", ["cut", "fewer"])
def test_a_dataset_that_is_not_whole_is_no_measurement(
    generator: httpx.Client, monkeypatch: pytest.MonkeyPatch, kind: str, fault: str
) -> None:
    fetch = Requests._fetch

    def faulty(self: Requests, client: httpx.Client, kind: str, seed: int, path: Path) -> None:
        fewer = dataclasses.replace(self, size=39)
        fetch(fewer if fault == "fewer" else self, client, kind, seed, path)
        if fault == "cut":
            path.write_bytes(path.read_bytes()[:-100])

    monkeypatch.setattr(Requests, "_fetch", faulty)
    with pytest.raises(ValueError, match=rf"{SEED}\.{kind}|damaged|not a"):
        requests(generator.base_url, 40).measure(kind, 0.01)


def test_a_generator_that_refuses_is_no_measurement(generator: httpx.Client) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        requests(generator.base_url, 0).measure("npz", 0.01)


def test_the_library_is_measured_in_a_process_of_its_own() -> None:
    # Nobody draws a captcha in less than a fiftieth of a millisecond, or in more than a second.
    assert 1 < measure_library(0.05, os.sched_getaffinity(0)) < 50_000
