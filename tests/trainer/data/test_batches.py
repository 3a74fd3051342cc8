"""Batches: which captchas, in which order, augmented how, with which labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from shared.captchas.spec import STYLES, CaptchaSpec, Style
from tests.trainer.conftest import change
from trainer.config import TrainingConfig
from trainer.data.augmentation import augment, shift
from trainer.data.batches import TrainingBatches, build_evaluation_batches
from trainer.data.hard_examples import ErrorRates
from trainer.data.sampling import sample_epoch
from trainer.data.splits import EVALUATION_BATCH_SIZE, NO_LABEL, Split

# Without augmentation and shift.
PLAIN = TrainingConfig(
    batch_size=64, captchas=205, augment_fraction=0.0, max_shift_x_px=0, max_shift_y_px=0
)
Batches = list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]


def collect(
    split: Split, config: TrainingConfig, epoch: int = 0, error_rates: ErrorRates | None = None
) -> Batches:
    """Return the batches of one epoch."""
    batches = TrainingBatches(split, config)
    batches.start_epoch(epoch, error_rates)
    return to_numpy(batches.dataset)


def to_numpy(dataset: Any) -> Batches:
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def join(batches: Batches) -> npt.NDArray[np.uint8]:
    return np.concatenate([images for images, _ in batches])


def numbered(count: int, classes: list[int] | None = None) -> Split:
    """Return a split of images that are filled with their number."""
    spec = CaptchaSpec(length=1, width=16, height=16)
    images = np.arange(count, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((16, 16), "u1")
    labels = np.array(classes or [n % 10 for n in range(count)], np.int32)[:, np.newaxis]
    return Split(spec, images, labels, (("current", count),))


def test_each_captcha_comes_once_with_its_label_in_the_order_of_the_epoch(
    captchas: Split,
) -> None:
    rows = sample_epoch(captchas, PLAIN, 3)
    batches = collect(captchas, PLAIN, 3)
    assert [len(images) for images, _ in batches] == [64, 64, 64, 13]
    assert np.array_equal(join(batches), captchas.images[rows])
    one_hot = np.concatenate([labels for _, labels in batches])
    assert np.array_equal(one_hot, np.eye(10, dtype=np.float32)[captchas.labels[rows]])


def test_the_batches_have_the_documented_types_and_shapes(captchas: Split) -> None:
    batches = TrainingBatches(captchas, PLAIN)
    assert batches.steps_per_epoch == 4
    assert batches.dataset.cardinality() == 4
    images, labels = batches.dataset.element_spec
    assert (images.shape.as_list(), images.dtype) == ([None, 60, 160], tf.uint8)
    assert (labels.shape.as_list(), labels.dtype) == ([None, 4, 10], tf.float32)


def test_texts_of_varying_length_are_padded_with_the_end_class() -> None:
    spec = CaptchaSpec("ab", length=2, min_length=1, width=16, height=16)
    split = Split(spec, np.zeros((1, 16, 16), np.uint8), np.array([[1, 2]], np.int32))
    ((_, labels),) = to_numpy(build_evaluation_batches(split))
    assert labels.tolist() == [[[0, 1, 0], [0, 0, 1]]]


def test_every_iteration_yields_the_epoch_that_was_started_last(captchas: Split) -> None:
    batches = TrainingBatches(captchas, change(PLAIN, max_shift_x_px=4, augment_fraction=0.5))
    batches.start_epoch(0)
    first = join(to_numpy(batches.dataset))
    assert np.array_equal(join(to_numpy(batches.dataset)), first)
    batches.start_epoch(1)
    assert not np.array_equal(join(to_numpy(batches.dataset)), first)
    batches.start_epoch(0)
    assert np.array_equal(join(to_numpy(batches.dataset)), first)


def test_error_rates_change_what_an_epoch_contains() -> None:
    split = numbered(100, [7] * 10 + [3] * 90)
    config = change(PLAIN, captchas=100, hard_example_fraction=0.9)
    rates = np.eye(10)[7]
    images = join(collect(split, config, 0, rates))
    assert len(images) == 100
    assert (images[:, 0, 0] < 10).sum() >= 90
    assert np.array_equal(images[:, 0, 0], sample_epoch(split, config, 0, rates))


def test_the_augmentation_depends_on_seed_epoch_and_step_only(captchas: Split) -> None:
    """A resumed training, also by a later release, sees what an uninterrupted one sees."""
    config = change(PLAIN, seed=5, max_shift_x_px=3, max_shift_y_px=2, augment_fraction=0.5)
    rows = sample_epoch(captchas, config, 2)
    augmented = 0
    for step, (images, _) in enumerate(collect(captchas, change(config, batch_size=8), 2)):
        plain = captchas.images[rows[8 * step : 8 * step + 8]]
        seed = tf.constant([5 * 100_003 + 2, step], tf.int64)
        is_augmented = tf.random.stateless_uniform((), seed + 1) < 0.5
        augmented += int(is_augmented)
        expected = (augment if is_augmented else shift)(tf.constant(plain), seed, 3, 2)
        assert np.array_equal(images, expected.numpy()), step
    assert 5 < augmented < 21


@pytest.mark.parametrize("style", STYLES)
def test_only_captchas_of_the_library_are_augmented_and_others_shifted(style: Style) -> None:
    """Light strokes, gradients and hairlines are not what the augmentation was made for."""
    y, x = np.mgrid[0:60, 0:160]
    gradient = np.repeat((y + x).astype(np.uint8)[np.newaxis], 8, axis=0)
    split = Split(CaptchaSpec(length=1, style=style), gradient, np.zeros((8, 1), np.int32))
    config = change(
        PLAIN, captchas=8, batch_size=8, augment_fraction=1.0, max_shift_x_px=4, max_shift_y_px=4
    )
    ((images, _),) = collect(split, config)
    # A shifted gradient stays one, up to the edges, which are mirrored.
    is_shifted = (np.abs(np.diff(images.astype(int), axis=2)) <= 1).all()
    assert is_shifted == (style in {"synthetic", "gimpy", "line", "crowded"})


def test_other_seeds_and_epochs_shift_in_other_ways() -> None:
    split = numbered(64)
    dots = np.full((64, 60, 160), 250, np.uint8)
    dots[:, 30, 80] = 0
    split = Split(CaptchaSpec(length=1), dots, split.labels, split.subsets)

    def list_offsets(seed: int, epoch: int) -> list[tuple[int, ...]]:
        config = change(PLAIN, captchas=64, batch_size=4, seed=seed, max_shift_x_px=9)
        batches = collect(split, config, epoch)
        return [tuple(np.argwhere(images[0] == 0)[0].tolist()) for images, _ in batches]

    offsets = [list_offsets(1, 0), list_offsets(1, 1), list_offsets(2, 0)]
    assert offsets[0] == list_offsets(1, 0)
    assert offsets[0] != offsets[1] != offsets[2] != offsets[0]
    assert all(len(set(each)) > 5 for each in offsets)


def test_horizontal_and_vertical_shift_are_limited_separately() -> None:
    """The vertical position of letters distinguishes them, so it must not move by accident."""
    blots = np.full((400, 60, 160), 250, np.uint8)
    blots[:, 25:36, 75:86] = 0
    split = Split(CaptchaSpec(), blots, np.zeros((400, 4), np.int32), (("current", 400),))

    def spread(max_shift_x_px: int, max_shift_y_px: int, fraction: float) -> tuple[float, float]:
        """Return the range of vertical and horizontal positions of the blot, in pixels."""
        config = TrainingConfig(
            batch_size=4,
            max_shift_x_px=max_shift_x_px,
            max_shift_y_px=max_shift_y_px,
            augment_fraction=fraction,
        )
        images = join(collect(split, config))
        dark = images.max(axis=(1, 2), keepdims=True).astype(float) - images
        y = (dark.sum(axis=2) * np.arange(60)).sum(axis=1) / dark.sum(axis=(1, 2))
        x = (dark.sum(axis=1) * np.arange(160)).sum(axis=1) / dark.sum(axis=(1, 2))
        return float(np.ptp(y)), float(np.ptp(x))

    assert spread(3, 0, 0.0) == (0, 6)
    assert spread(0, 2, 0.0) == (4, 0)
    # Augmentation also shifts within the room of a smaller scale, and three times as far in x.
    y, x = spread(0, 0, 1.0)
    same_y, wider_x = spread(10, 0, 1.0)
    assert wider_x > x + 40
    assert same_y == pytest.approx(y, abs=6)
    wider_y, same_x = spread(0, 10, 1.0)
    assert wider_y > y + 10
    assert same_x == pytest.approx(x, abs=6)


@pytest.mark.parametrize(("fraction", "low", "high"), [(0, 0, 0), (0.3, 5, 20), (1, 41, 41)])
def test_the_configured_fraction_of_the_batches_is_augmented(
    captchas: Split, fraction: float, low: int, high: int
) -> None:
    config = change(PLAIN, batch_size=5, augment_fraction=fraction)
    originals = {image.tobytes() for image in captchas.images[:]}
    batches = collect(captchas, config)
    assert len(batches) == 41
    augmented = sum(images[0].tobytes() not in originals for images, _ in batches)
    assert low <= augmented <= high


def test_plain_batches_are_the_start_of_the_epoch_without_augmentation(captchas: Split) -> None:
    config = change(PLAIN, batch_size=2, augment_fraction=1.0, max_shift_x_px=4, max_shift_y_px=4)
    batches = TrainingBatches(captchas, config)
    batches.start_epoch(1)
    plain = [images.numpy() for images in batches.iterate_plain()]
    assert [len(images) for images in plain] == [2] * 50
    assert plain[0].dtype == np.uint8
    rows = sample_epoch(captchas, config, 1)[:100]
    assert np.array_equal(np.concatenate(plain), captchas.images[rows])
    assert rows.max() > 150


@pytest.mark.parametrize(
    ("count", "sizes"), [(64, [64]), (65, [64]), (127, [64]), (128, [64, 64]), (63, [63]), (1, [1])]
)
def test_plain_batches_have_one_size(count: int, sizes: list[int]) -> None:
    batches = TrainingBatches(numbered(count), PLAIN)
    batches.start_epoch(0)
    assert [len(images) for images in batches.iterate_plain()] == sizes


def test_plain_batches_contain_the_hard_examples_of_the_epoch() -> None:
    split = numbered(100, [7] * 10 + [3] * 90)
    config = change(PLAIN, batch_size=10, hard_example_fraction=1.0)
    batches = TrainingBatches(split, config)
    batches.start_epoch(0, np.eye(10)[7])
    plain = np.concatenate([images.numpy() for images in batches.iterate_plain()])
    assert len(plain) == 100
    assert plain.max() < 10


def test_an_epoch_that_was_not_started_has_no_plain_batches(captchas: Split) -> None:
    assert list(TrainingBatches(captchas, PLAIN).iterate_plain()) == []


def test_evaluation_batches_are_the_split_in_its_order(captchas: Split) -> None:
    dataset = build_evaluation_batches(captchas)
    assert dataset.cardinality() == 3
    batches = to_numpy(dataset)
    assert EVALUATION_BATCH_SIZE == 100
    assert [len(images) for images, _ in batches] == [100, 100, 5]
    assert np.array_equal(join(batches), captchas.images[:])
    one_hot = np.concatenate([labels for _, labels in batches])
    assert one_hot.dtype == np.float32
    assert np.array_equal(one_hot, np.eye(10)[captchas.labels])


def test_all_classes_of_an_image_without_a_captcha_are_equally_likely() -> None:
    spec = CaptchaSpec("ab", length=2, min_length=1, width=16, height=16)
    labels = np.array([[0, 1], [NO_LABEL, NO_LABEL]], np.int32)
    split = Split(spec, np.zeros((2, 16, 16), np.uint8), labels)
    ((_, one_hot),) = to_numpy(build_evaluation_batches(split))
    assert one_hot[0].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert one_hot[1] == pytest.approx(np.full((2, 3), 1 / 3))
