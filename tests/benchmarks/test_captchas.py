"""Captchas per second are counted off whole datasets only."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.benchmarks.captchas import Requests, measure_library

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes are held to cores on Linux only"
)


def requests(url: object, size: int) -> Requests:
    return Requests(str(url), frozenset(os.sched_getaffinity(0)), size)


@pytest.mark.parametrize("kind", ["npz", "zip"])
def test_datasets_of_a_real_generator_are_counted(generator: httpx.Client, kind: str) -> None:
    assert requests(generator.base_url, 40).measure(kind, 0.01) > 0


def test_a_generator_that_refuses_is_no_measurement(generator: httpx.Client) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        requests(generator.base_url, 0).measure("npz", 0.01)


def test_the_library_is_measured_in_a_process_of_its_own() -> None:
    assert measure_library(0.05, os.sched_getaffinity(0)) > 0
