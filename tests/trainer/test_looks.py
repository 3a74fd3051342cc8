from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from inference_service.engines import LOADERS
from shared.spec import CaptchaSpec
from trainer.export import export, load_exported
from trainer.looks import list_offsets, look_again
from trainer.networks import build_recogniser

SPEC = CaptchaSpec("ABC", 2, 32, 16)


def build_pointer() -> keras.Model:
    """Answers, as float32 (1, width), how bright each column of the first row is."""
    images = layers.Input((16, 32), dtype="uint8")
    return keras.Model(images, ops.cast(images[:, :1, :], "float32") / 255)


def test_a_single_look_is_the_recogniser_itself() -> None:
    recogniser = build_pointer()
    assert look_again(recogniser, 1) is recogniser


@pytest.mark.parametrize(
    ("looks", "offsets"), [(1, [0]), (2, [0, 3]), (3, [-3, 0, 3]), (4, [-3, 0, 3, 6])]
)
def test_one_look_is_straight_on(looks: int, offsets: list[int]) -> None:
    assert list_offsets(looks) == offsets


@pytest.mark.parametrize("looks", [2, 3, 4])
def test_the_answer_is_the_geometric_mean_of_captchas_moved_aside(looks: int) -> None:
    images = np.random.default_rng(1).integers(1, 256, (3, 16, 32), dtype=np.uint8)
    answer = look_again(build_pointer(), looks)(images).numpy()
    columns = np.arange(32)
    moved = [images[:, :1, np.clip(columns + by, 0, 31)] / 255 for by in list_offsets(looks)]
    product = np.prod(np.stack(moved), axis=0) ** (1 / looks)
    assert np.allclose(answer, product / product.sum(axis=-1, keepdims=True), atol=1e-6)


def test_what_is_impossible_stays_finite() -> None:
    assert np.isfinite(look_again(build_pointer(), 2)(np.zeros((1, 16, 32), np.uint8))).all()


def test_several_looks_are_exported_and_read_by_both_engines(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    recogniser = look_again(build_recogniser("compact", SPEC), 2)
    export(recogniser, SPEC, tmp_path)
    images = np.random.default_rng(2).integers(256, size=(3, 16, 32), dtype=np.uint8)
    expected = recogniser(images).numpy()
    assert np.allclose(expected.sum(axis=-1), 1, atol=1e-5)
    assert np.allclose(load_exported(tmp_path)(images), expected, atol=1e-5)
    engine = LOADERS["openvino"](tmp_path, SPEC, threads=1)
    assert np.allclose(engine.predict(images), expected, atol=1e-4)
