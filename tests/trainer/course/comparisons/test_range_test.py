from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.course.runs.fakes import build_workspace
from trainer.course.comparisons.range_test import Region, run_range_test, smooth, suggest_region


def test_the_moving_average_of_a_constant_is_that_constant() -> None:
    assert smooth([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])


def test_the_moving_average_follows_slowly() -> None:
    first, second = smooth([1.0, 2.0])
    assert first == pytest.approx(1.0)
    assert 1.0 < second < 2.0


def test_the_region_is_from_the_first_fall_to_a_tenth_of_the_rate_with_the_smallest_loss() -> None:
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert suggest_region(rates, [2.3, 2.29, 2.0, 1.0, 0.5, 9.0]) == Region(
        1e-3, pytest.approx(1e-2)
    )


def test_a_loss_that_never_falls_suggests_no_region() -> None:
    assert suggest_region([1e-5, 1e-4, 1e-3], [2.3, 2.4, 5.0]) is None


def test_losses_that_are_not_numbers_are_not_the_smallest_ones() -> None:
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    region = suggest_region(rates, [2.3, 1.5, 0.5, 0.4, math.nan])
    assert region == Region(1e-4, pytest.approx(1e-3))


@pytest.mark.slow
def test_the_rate_rises_during_one_run_that_is_not_repeated(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path)
    figure, table = run_range_test(workspace)
    rates = np.genfromtxt(table, delimiter=",", names=True)["learning_rate"]
    assert 1 < len(rates) <= 10
    assert rates[0] == pytest.approx(1e-6)
    assert np.allclose(rates[1:] / rates[:-1], rates[1] / rates[0], rtol=1e-3)
    before = table.read_bytes()
    workspace.client.requests.clear()  # type: ignore[attr-defined]
    assert run_range_test(workspace) == [figure, table]
    assert workspace.client.requests == []  # type: ignore[attr-defined]
    assert table.read_bytes() == before
