"""What a training uses, the subsets of its splits, and the limits of an image folder."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import numpy as np
import pytest

from shared.captchas.labels import decode
from tests.conftest import SPEC, TINY
from tests.trainer.conftest import ALONE, FOLDER_SPEC, OFFLINE, change, write_images
from trainer.config import TrainingConfig
from trainer.data import training_data
from trainer.data.dataset_requests import CaptchaSource, list_requests
from trainer.data.generator_client import GeneratorClient
from trainer.data.image_folder import ImageFolder, read_image_folder
from trainer.data.splits import IMAGE_FOLDER, Split, Splits
from trainer.data.training_data import check_folder_size, fetch_splits, find_data
from trainer.errors import TrainingError
from trainer.status_writer import StatusWriter


def fetch(
    config: TrainingConfig,
    client: GeneratorClient,
    source: CaptchaSource,
    status: StatusWriter,
    folder: ImageFolder | None = None,
) -> Splits:
    requests = list(list_requests(config, source))
    return fetch_splits(config, client, requests, source.spec, folder, status)


def test_every_split_has_the_requested_subsets_and_no_captcha_is_in_two(
    tmp_path: Path,
    generator: httpx.Client,
    source: CaptchaSource,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = StatusWriter(tmp_path, TINY)
    splits = fetch(TINY, GeneratorClient(generator, tmp_path), source, status)
    assert splits.train.subsets == (("current", 151), ("classic", 150))
    assert splits.validation.subsets == (("current", 50), ("classic", 50))
    assert splits.test.subsets == (("current", 51), ("classic", 50))
    parts = [splits.train, splits.validation, splits.test]
    images = np.concatenate([part.images[:] for part in parts])
    assert len({image.tobytes() for image in images}) == 502
    shown = capsys.readouterr().err
    assert "train captchas: 301 of 301 (" in shown
    assert "validation captchas: 100 of 100 (" in shown
    assert "test captchas: 101 of 101 (" in shown
    current = status.current
    assert current.state == "fetching"
    assert (current.captchas_fetched, current.captchas_wanted) == (502, 502)
    assert current.progress == 1


def test_confusable_captchas_are_labelled_as_characters_of_the_whole_charset(
    tmp_path: Path, generator: httpx.Client, source: CaptchaSource
) -> None:
    config = change(TINY, confusable_sets=("17",), confusable_fraction=40 / 301)
    status = StatusWriter(tmp_path, config)
    train = fetch(config, GeneratorClient(generator, tmp_path), source, status).train
    assert train.subsets == (("current", 131), ("classic", 130), ("confusable", 40))
    assert set(train.labels[-40:].ravel().tolist()) == {1, 7}
    assert set(train.labels[:-40].ravel().tolist()) == set(range(10))


def test_styles_that_the_generator_overrides_are_logged(
    tmp_path: Path, generator: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trainer.data.training_data")
    client = GeneratorClient(generator, tmp_path)
    find_data(change(TINY, styles=("current", "vintage")), None, client, 10)
    assert not caplog.messages
    find_data(change(TINY, styles=("classic", "vintage")), None, client, 10)
    assert caplog.messages == [
        "training on the style current of the generator alone, not on classic, vintage"
    ]


def test_an_image_folder_is_a_subset_of_every_split(
    tmp_path: Path, generator: httpx.Client, source: CaptchaSource
) -> None:
    images = write_images(tmp_path / "own", SPEC, 9_999, 200)
    client = GeneratorClient(generator, tmp_path / "data")
    found, folder = find_data(TINY, images, client, 10)
    assert found == source
    assert folder is not None
    splits = fetch(TINY, client, source, StatusWriter(tmp_path, TINY), folder)
    assert [name for name, _ in splits.train.subsets] == ["current", "classic", IMAGE_FOLDER]
    counts = {}
    for name, rows in folder.split().items():
        split: Split = getattr(splits, name)
        own = split.rows_of(IMAGE_FOLDER)
        counts[name] = len(own)
        assert np.array_equal(split.images[own.start : own.stop], folder.images[rows])
        texts = decode(split.labels[own.start : own.stop], SPEC)
        assert texts == [folder.texts[row] for row in rows]
    assert sum(counts.values()) == 200
    assert counts["train"] > 130


def test_an_image_folder_alone_is_the_source(
    image_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = GeneratorClient(httpx.Client(transport=OFFLINE), tmp_path)
    with caplog.at_level(logging.INFO):
        source, folder = find_data(ALONE, image_folder, client, 0)
    assert folder is not None
    assert source == CaptchaSource(FOLDER_SPEC, {"image_folder": folder.fingerprint}, "")
    assert caplog.messages == ["150 images of 80x40 pixels, 2 to 3 characters of 'abc'"]


@pytest.mark.parametrize("is_small", [True, False])
def test_few_images_for_the_evaluation_are_a_warning(
    image_folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_small: bool,
) -> None:
    folder = read_image_folder(image_folder, None)
    counts = {name: len(rows) for name, rows in folder.split().items()}
    needed = min(counts.values()) + is_small
    monkeypatch.setattr(training_data, "MIN_EVALUATED", needed)
    check_folder_size(folder, TINY)
    message = (
        f"the image folder has {counts['validation']} validation images and {counts['test']} test"
        f" images; with fewer than {needed}, the measured accuracy is imprecise"
    )
    assert caplog.messages == ([message] if is_small else [])


def test_a_target_accuracy_needs_enough_validation_images_of_a_folder_alone(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = read_image_folder(image_folder, None)
    count = len(folder.split()["validation"])
    config = change(ALONE, target_accuracy=0.9)
    message = f"^target_accuracy needs 5000 validation images; the image folder has {count}$"
    with pytest.raises(TrainingError, match=message):
        check_folder_size(folder, config)
    check_folder_size(folder, change(config, target_accuracy=0))
    check_folder_size(folder, change(TINY, target_accuracy=0.9, validation_captchas=5_000))
    monkeypatch.setattr(training_data, "MIN_TARGET_EVALUATED", count)
    check_folder_size(folder, config)
