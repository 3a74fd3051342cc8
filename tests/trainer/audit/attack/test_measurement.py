from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.audit.attack.measurements import build_measurement
from trainer.audit.attack.measurement import MeasurementStore


def test_only_a_text_with_every_character_correct_counts() -> None:
    measurement = build_measurement(["1234", "1234", "1234"], ["1234", "1235", "123"])

    assert measurement.accuracy.accuracy == pytest.approx(1 / 3)
    assert measurement.accuracy.n == 3


@pytest.mark.parametrize("rate", [0.0005, 0.01, 0.5, 0.99])
def test_intervals_cover_the_true_rate_in_95_of_100_simulated_audits(rate: float) -> None:
    rng = np.random.default_rng(7)
    covered = 0
    simulations = 1_000
    for _ in range(simulations):
        correct = int(rng.binomial(2_000, rate))
        texts = ["1"] * 2_000
        predictions = ["1"] * correct + ["2"] * (2_000 - correct)
        low, high = build_measurement(
            texts, predictions, confidences=(0.5,) * 2_000
        ).accuracy.accuracy_interval_95
        covered += low <= rate <= high

    assert covered / simulations >= 0.92


def test_a_stored_measurement_is_loaded_unchanged(tmp_path: Path) -> None:
    measurement = build_measurement(["12", "34"], ["12", "43"], confidences=(0.1, 1 / 3))
    MeasurementStore(tmp_path / "new").save("bundled-100", measurement)

    assert MeasurementStore(tmp_path / "new").load("bundled-100") == measurement
    assert MeasurementStore(tmp_path / "new").load("bundled-250") is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bundled-100.json"]


def test_a_damaged_measurement_is_measured_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = MeasurementStore(tmp_path)
    store.save("bundled-100", build_measurement(["12"], ["12"]))
    (tmp_path / "bundled-100.json").write_text('{"init": "bundled"')

    with caplog.at_level(logging.WARNING):
        assert store.load("bundled-100") is None
    assert "bundled-100.json is damaged" in caplog.text
