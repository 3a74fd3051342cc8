"""Splits: images of several arrays as one, subsets, and labels."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import numpy.typing as npt
import pytest

from shared.captchas.dataset_archive import Dataset
from shared.captchas.images import fit_size
from shared.captchas.spec import CaptchaSpec, SpecError
from trainer.data.image_folder import ImageFolder
from trainer.data.splits import (
    IMAGE_FOLDER,
    NO_LABEL,
    NON_CAPTCHAS,
    ConcatenatedImages,
    Split,
    Splits,
    build_split,
)

SPEC = CaptchaSpec("abc", length=2, min_length=1, width=20, height=16)


def numbered(start: int, count: int) -> npt.NDArray[np.uint8]:
    """Return images of 16x20 pixels, each filled with its number."""
    numbers = np.arange(start, start + count, dtype=np.uint8)
    return np.tile(numbers[:, np.newaxis, np.newaxis], (1, 16, 20))


def numbers_of(images: npt.NDArray[np.uint8]) -> list[int]:
    assert images.dtype == np.uint8
    assert images.shape[1:] == (16, 20)
    assert (images == images[:, :1, :1]).all()
    return images[:, 0, 0].tolist()


def dataset(start: int, texts: list[str], spec: CaptchaSpec = SPEC) -> Dataset:
    return Dataset(spec, "renderer", 1, start, numbered(start, len(texts)), texts)


def ignore(_: int) -> None:
    """Report nothing."""


IMAGES = ConcatenatedImages([numbered(0, 3), numbered(3, 1), numbered(4, 4)], SPEC)


def test_the_length_is_the_sum_of_the_parts() -> None:
    assert len(IMAGES) == 8
    assert len(ConcatenatedImages([numbered(0, 2)], SPEC)) == 2


@pytest.mark.parametrize(
    "rows", [[0], [2, 3], [3], [4], [7], [7, 0, 3, 3, 4, 2], list(range(8)), []]
)
def test_rows_of_several_parts_are_returned_in_the_requested_order(rows: list[int]) -> None:
    assert numbers_of(IMAGES[np.array(rows, np.int64)]) == rows


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (slice(0, 1), [0]),
        (slice(2, 5), [2, 3, 4]),
        (slice(None), list(range(8))),
        (slice(6, 100), [6, 7]),
        (slice(1, 7, 3), [1, 4]),
        (slice(-2, None), [6, 7]),
    ],
)
def test_a_slice_means_the_same_rows_as_of_an_array(rows: slice, expected: list[int]) -> None:
    assert numbers_of(IMAGES[rows]) == expected


def test_the_returned_images_are_copies() -> None:
    part = numbered(0, 2)
    images = ConcatenatedImages([part], SPEC)
    images[np.array([1])][:] = 99
    assert numbers_of(images[:]) == [0, 1]
    assert part[1, 0, 0] == 1


def test_the_parts_are_not_copied_before_they_are_read() -> None:
    part = numbered(0, 2)
    images = ConcatenatedImages([part], SPEC)
    part[1] = 77
    assert numbers_of(images[:]) == [0, 77]


def test_images_of_another_size_are_scaled_when_they_are_read() -> None:
    large = np.random.default_rng(1).integers(256, size=(2, 32, 50), dtype=np.uint8)
    images = ConcatenatedImages([numbered(0, 1), large], SPEC)[np.array([2, 0, 1])]
    assert images.shape == (3, 16, 20)
    assert np.array_equal(images[0], fit_size(large[1], SPEC))
    assert numbers_of(images[1:2]) == [0]
    assert np.array_equal(images[2], fit_size(large[0], SPEC))


def test_the_rows_of_a_subset_follow_those_of_the_earlier_ones() -> None:
    labels = np.zeros((9, 2), np.int32)
    split = Split(SPEC, numbered(0, 9), labels, (("current", 4), ("classic", 3), ("confusable", 2)))
    assert len(split) == 9
    assert split.rows_of("current") == range(4)
    assert split.rows_of("classic") == range(4, 7)
    assert split.rows_of("confusable") == range(7, 9)
    assert split.rows_of("".join(["clas", "sic"])) == range(4, 7)
    assert IMAGE_FOLDER == "image folder"


def test_a_split_without_subsets_has_no_rows_of_any() -> None:
    assert Split(SPEC, numbered(0, 1), np.zeros((1, 2), np.int32)).subsets == ()


def test_a_subset_that_is_missing_has_no_rows() -> None:
    rows = Split(SPEC, numbered(0, 1), np.zeros((1, 2), np.int32), (("a", 1),)).rows_of("b")
    assert (rows.start, rows.stop) == (0, 0)


def test_splits_are_frozen() -> None:
    split = Split(SPEC, numbered(0, 1), np.zeros((1, 2), np.int32))
    with pytest.raises(FrozenInstanceError):
        split.subsets = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Splits(split, split, split).test = split  # type: ignore[misc]


def test_a_split_joins_the_datasets_in_order() -> None:
    arrived: list[int] = []
    parts = [
        ("current", dataset(0, ["ab", "c"])),
        ("current", dataset(2, ["bb"])),
        ("classic", dataset(3, ["a", "cc", "ba"])),
    ]
    split = build_split(parts, SPEC, arrived.append)
    assert split.spec == SPEC
    assert split.subsets == (("current", 3), ("classic", 3))
    assert numbers_of(split.images[:]) == [0, 1, 2, 3, 4, 5]
    assert split.labels.tolist() == [[0, 1], [2, 3], [1, 1], [0, 3], [2, 2], [1, 0]]
    assert split.labels.dtype == np.int32
    assert arrived == [2, 3, 6]


def test_confusable_captchas_are_labelled_as_characters_of_the_whole_charset() -> None:
    few = CaptchaSpec("cb", length=2, min_length=1, width=20, height=16)
    parts = [("current", dataset(0, ["ab"])), ("confusable", dataset(1, ["cb", "b"], few))]
    split = build_split(parts, SPEC, ignore)
    assert split.labels.tolist() == [[0, 1], [2, 1], [1, 3]]
    assert split.subsets == (("current", 1), ("confusable", 2))


def test_captchas_of_other_sizes_are_a_subset_like_others() -> None:
    wide = CaptchaSpec("abc", length=2, min_length=1, width=40, height=16)
    images = np.full((1, 16, 40), 7, np.uint8)
    parts = [
        ("current", dataset(0, ["ab"])),
        ("other sizes", Dataset(wide, "renderer", 1, 1, images, ["b"])),
    ]
    split = build_split(parts, SPEC, ignore)
    assert split.subsets == (("current", 1), ("other sizes", 1))
    assert numbers_of(split.images[:]) == [0, 7]
    assert split.labels.tolist() == [[0, 1], [1, 3]]


def test_a_label_outside_the_charset_is_an_error() -> None:
    other = CaptchaSpec("abcd", length=2, width=20, height=16)
    with pytest.raises(SpecError, match="'d', which is not in the charset 'abc'"):
        build_split([("current", dataset(0, ["da"], other))], SPEC, ignore)


FOLDER = ImageFolder(SPEC, numbered(100, 4), ["a", "bc", "cc", "b"])


def test_rows_of_an_image_folder_follow_as_a_subset() -> None:
    split = build_split(
        [("current", dataset(0, ["ab"]))], SPEC, ignore, FOLDER, np.array([3, 1], np.intp)
    )
    assert split.subsets == (("current", 1), (IMAGE_FOLDER, 2))
    assert numbers_of(split.images[:]) == [0, 103, 101]
    assert split.labels.tolist() == [[0, 1], [1, 3], [1, 2]]


def test_an_image_folder_alone_is_the_only_subset() -> None:
    arrived: list[int] = []
    split = build_split([], SPEC, arrived.append, FOLDER, np.array([0], np.intp))
    assert split.subsets == ((IMAGE_FOLDER, 1),)
    assert numbers_of(split.images[:]) == [100]
    assert arrived == []


@pytest.mark.parametrize("rows", [None, np.array([], np.intp)])
def test_an_image_folder_without_rows_for_the_split_is_no_subset(
    rows: npt.NDArray[np.intp] | None,
) -> None:
    split = build_split([("current", dataset(0, ["ab"]))], SPEC, ignore, FOLDER, rows)
    assert split.subsets == (("current", 1),)
    assert numbers_of(split.images[:]) == [0]


def test_images_without_a_captcha_are_the_last_subset_without_labels() -> None:
    parts = [("current", dataset(0, ["a", "bc", "c"]))]
    split = build_split(parts, SPEC, ignore, non_captcha_seed=5)
    assert split.subsets == (("current", 3), (NON_CAPTCHAS, 3))
    assert split.labels[3:].tolist() == [[NO_LABEL, NO_LABEL]] * 3
    assert numbers_of(split.images[:3]) == [0, 1, 2]
    again = build_split(parts, SPEC, ignore, non_captcha_seed=5)
    assert np.array_equal(split.images[3:], again.images[3:])
    other = build_split(parts, SPEC, ignore, non_captcha_seed=6)
    assert not np.array_equal(split.images[3:], other.images[3:])


def test_selected_rows_are_a_split_of_their_own() -> None:
    split = build_split([("current", dataset(0, ["a", "bc", "c"]))], SPEC, ignore)
    part = split.select(np.array([2, 0]), "part")
    assert part.subsets == (("part", 2),)
    assert numbers_of(part.images[:]) == [2, 0]
    assert part.labels.tolist() == [[2, 3], [0, 3]]
