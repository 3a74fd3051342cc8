from __future__ import annotations

import numpy as np

from shared.spec import CaptchaSpec
from tests.conftest import SPEC
from trainer.dataset import Split, Splits
from trainer.feed import feed


def test_each_captcha_is_fed_once_with_its_own_label(splits: Splits) -> None:
    seen = []
    for images, one_hot in feed(splits.validation, SPEC, 64, shuffle_seed=1):
        for image, label in zip(images.numpy(), one_hot.numpy(), strict=True):
            seen.append((image.tobytes(), label.argmax(-1).tolist()))
    expected = [
        (image.tobytes(), label.tolist())
        for image, label in zip(splits.validation.images, splits.validation.labels, strict=True)
    ]
    assert seen != expected
    assert sorted(seen) == sorted(expected)


def test_the_order_depends_on_the_seed_and_changes_every_pass(splits: Splits) -> None:
    def first_pixels(seed: int) -> list[bytes]:
        batches = feed(splits.validation, SPEC, 64, shuffle_seed=seed)
        return [images.numpy().tobytes() for _ in range(2) for images, _ in batches]

    once, again, other = first_pixels(1), first_pixels(1), first_pixels(2)
    assert once == again
    assert once != other
    assert once[: len(once) // 2] != once[len(once) // 2 :]


def test_batches_are_moved_by_at_most_the_shift_in_both_directions() -> None:
    spec = CaptchaSpec(charset="a", length=1, width=40, height=30)
    dot = np.full((1, 30, 40), 255, np.uint8)
    dot[0, 15, 20] = 0
    split = Split(np.repeat(dot, 400, axis=0), np.zeros((400, 1), np.int32))
    places = set()
    for images, _ in feed(split, spec, 1, shuffle_seed=3, shift=2):
        assert images.shape == (1, 30, 40)
        ((_, y, x),) = np.argwhere(images.numpy() == 0)
        places.add((int(y) - 15, int(x) - 20))
    assert places == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_without_a_seed_nothing_is_moved(splits: Splits) -> None:
    (images, _), *_ = feed(splits.test, SPEC, 200, shift=4)
    assert np.array_equal(images.numpy(), splits.test.images)
