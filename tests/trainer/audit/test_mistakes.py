from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.trainer.audit.attack.measurements import build_measurement
from trainer.audit import mistakes


def test_characters_and_positions_are_counted_one_by_one() -> None:
    measurement = build_measurement(["12", "13", "21"], ["12", "18", "71"])

    characters = mistakes.measure_characters(measurement, "01238")

    assert [(c.character, round(c.accuracy, 2), c.n) for c in characters] == [
        ("1", 1.0, 3),
        ("2", 0.5, 2),
        ("3", 0.0, 1),
    ]
    positions = mistakes.measure_positions(measurement)
    assert [(p.position, round(p.accuracy, 2), p.n) for p in positions] == [
        (1, 0.67, 3),
        (2, 0.67, 3),
    ]


def test_confused_pairs_have_their_share_of_the_true_character() -> None:
    measurement = build_measurement(["00", "01", "1"], ["OO", "O1", ""])

    pairs = mistakes.find_confused_pairs(measurement)

    assert [(p.truth, p.predicted, p.count, p.fraction) for p in pairs] == [
        ("0", "O", 3, 1.0),
        ("1", "", 1, 0.5),
    ]


def test_the_hardest_are_wrong_and_the_easiest_correct_and_confident() -> None:
    measurement = build_measurement(
        ["1", "2", "3", "4"], ["1", "2", "0", "0"], confidences=(0.6, 0.9, 0.8, 0.2)
    )

    assert mistakes.find_hardest(measurement).tolist() == [3, 2, 0, 1]
    assert mistakes.find_easiest(measurement).tolist() == [1, 0]


def test_samples_depend_on_the_seed_only() -> None:
    measurement = build_measurement(["1"] * 100, ["1"] * 100)

    first = mistakes.draw_samples(measurement, 1).tolist()

    assert len(set(first)) == mistakes.GALLERY_SIZE
    assert mistakes.draw_samples(measurement, 1).tolist() == first
    assert mistakes.draw_samples(measurement, 2).tolist() != first


def test_a_gallery_reduces_large_images() -> None:
    measurement = build_measurement(["a"], ["b"])
    images = np.zeros((1, 500, 700), np.uint8)
    (shown,) = mistakes.build_gallery(np.array([0], np.intp), images, measurement)
    with Image.open(io.BytesIO(base64.b64decode(shown.image))) as image:
        assert image.size == (280, 200)


def test_a_gallery_shows_the_pixels_of_its_rows() -> None:
    measurement = build_measurement(["1", "2"], ["1", "7"], confidences=(0.6, 0.25))
    images = np.array([[[7, 8], [9, 255]]], np.uint8)

    (shown,) = mistakes.build_gallery(np.array([1], np.intp), images, measurement)

    assert (shown.label, shown.prediction) == ("2", "7")
    assert shown.confidence == pytest.approx(0.25)
    with Image.open(io.BytesIO(base64.b64decode(shown.image))) as image:
        assert np.asarray(image).tolist() == images[0].tolist()
