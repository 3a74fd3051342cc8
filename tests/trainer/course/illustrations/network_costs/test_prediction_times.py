"""Times of networks."""

from __future__ import annotations

import pytest

from tests.conftest import SPEC
from trainer.course.illustrations.network_costs.prediction_times import measure_times


@pytest.mark.slow
def test_each_network_has_a_time() -> None:
    times = measure_times(("compact", "course"), SPEC, 9)
    assert list(times) == ["compact", "course"]
    assert all(0.01 < time_ms < 5_000 for time_ms in times.values())
