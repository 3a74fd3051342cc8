"""What the job does around a training: shares, space, and one process at a time."""

from __future__ import annotations

import dataclasses
import logging
import re
import shutil
import string
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from generator_service.drawing import list_pngs
from shared.artifacts import list_versions, verify
from shared.labels import decode
from shared.spec import CaptchaSpec
from tests.conftest import SPEC, TINY
from trainer import job, resources
from trainer.client import GeneratorClient, Source
from trainer.config import TrainingConfig
from trainer.dataset import Split, Splits
from trainer.fitting import Loop
from trainer.folder import Folder, read_folder
from trainer.gate import GateError
from trainer.job import (
    check_size,
    claim,
    describe,
    find_captchas,
    gather_splits,
    run,
)  # fmt: skip
from trainer.resources import SpaceError
from trainer.shares import list_shares


def gather(
    config: TrainingConfig, client: GeneratorClient, source: Source, own: Folder | None = None
) -> Splits:
    return gather_splits(config, client, list(list_shares(config, source)), source.spec, own)


def test_look_alikes_are_labelled_as_characters_of_the_whole_charset(
    tmp_path: Path, generator: httpx.Client, source: Source
) -> None:
    config = dataclasses.replace(TINY, look_alikes="17", look_alike_captchas=40)
    train = gather(config, GeneratorClient(generator, tmp_path), source).train
    assert train.origins == (("current", 151), ("classic", 150), ("look-alikes", 40))
    assert set(train.labels[-40:].ravel()) == {1, 7}
    assert set(train.labels[:-40].ravel()) == set(range(10))


def test_look_alikes_that_no_captcha_holds_are_told(
    tmp_path: Path, generator: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    client = GeneratorClient(generator, tmp_path)
    config = dataclasses.replace(TINY, look_alikes="0O,17", look_alike_captchas=40)
    find_captchas(config, client, 10)
    assert not caplog.text
    find_captchas(dataclasses.replace(config, look_alikes="0O,Il"), client, 10)
    assert "no set of the look-alikes 0O,Il is in '0123456789': none are added" in caplog.text


def test_splits_hold_every_share_with_its_origin(
    tmp_path: Path, generator: httpx.Client, source: Source
) -> None:
    client = GeneratorClient(generator, tmp_path)
    splits = gather(TINY, client, source)
    assert splits.train.origins == (("current", 151), ("classic", 150))
    assert splits.test.origins == (("current", 51), ("classic", 50))
    images = np.concatenate([splits.train.images, splits.validation.images, splits.test.images])
    assert len({image.tobytes() for image in images}) == 502


def test_a_training_runs_once_at_a_time(tmp_path: Path) -> None:
    with (
        claim(tmp_path / "run"),
        pytest.raises(GateError, match="running already"),
        claim(tmp_path / "run"),
    ):
        pass
    with claim(tmp_path / "run"):
        pass


def test_runs_have_names_that_people_recognise() -> None:
    assert describe(SPEC) == "4of10-160x60"
    letters = CaptchaSpec(string.ascii_letters, 6, 200, 80, min_length=4)
    assert describe(letters) == "4to6of52-200x80"


OWN = CaptchaSpec("abc", 3, 80, 40, min_length=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own")
    for index, (text, png) in enumerate(list_pngs(OWN, (), 1, 0, 300)):
        (path / f"{text}_{index}.png").write_bytes(png)
    return path


@pytest.fixture
def train_alone(tmp_path: Path) -> Callable[[TrainingConfig], None]:
    """Runs the job on a folder alone, where no generator would answer."""
    nobody = GeneratorClient(httpx.Client(base_url="http://127.0.0.1:9"), tmp_path)
    return lambda config: run(config, tmp_path / "models", tmp_path / "data", nobody, 0.0)


def test_a_folder_alone_says_what_a_captcha_is_and_is_trained_on(
    tmp_path: Path, folder: Path, train_alone: Callable[[TrainingConfig], None]
) -> None:
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder))
    train_alone(config)
    manifest = verify(tmp_path / "models" / "1")
    assert manifest.captcha_spec == OWN
    assert list(manifest.metrics["by_origin"]) == ["own"]
    assert 10 < manifest.metrics["n"] < 60

    # The same folder elsewhere is nothing new; one more captcha is.
    moved = shutil.copytree(folder, tmp_path / "moved")
    again = dataclasses.replace(config, folder=str(moved))
    train_alone(again)
    assert list_versions(tmp_path / "models") == [1]
    Image.new("L", (80, 40)).save(moved / "abc_new.png")
    train_alone(again)
    assert list_versions(tmp_path / "models") == [1, 2]
    # What is set now is to answer, though an older version was trained from it.
    train_alone(config)
    assert list_versions(tmp_path / "models") == [1, 2, 3]


def test_a_folder_is_mixed_in_as_an_origin_of_its_own(
    tmp_path: Path, generator: httpx.Client, source: Source
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for index, (text, png) in enumerate(list_pngs(SPEC, (), 9_999, 0, 200)):
        (folder / f"{text}_{index}.png").write_bytes(png)
    config = dataclasses.replace(TINY, folder=str(folder))
    client = GeneratorClient(generator, tmp_path)
    found, own = find_captchas(config, client, 5.0)
    assert found == source
    splits = gather(config, client, source, own)
    assert [name for name, _ in splits.train.origins] == ["current", "classic", "own"]
    assert own is not None
    counts = {}
    for name, rows in own.split().items():
        split: Split = getattr(splits, name)
        mine = split.rows_of("own")
        counts[name] = len(mine)
        texts = decode(split.labels[mine.start : mine.stop], SPEC)
        images = [image.tobytes() for image in split.images[mine.start : mine.stop]]
        expected = [(own.images[row].tobytes(), own.texts[row]) for row in rows]
        assert list(zip(images, texts, strict=True)) == expected
    assert sum(counts.values()) == 200
    assert counts["train"] > 130


def test_a_gate_that_was_raised_does_not_train_the_same_again(
    tmp_path: Path, folder: Path, train_alone: Callable[[TrainingConfig], None]
) -> None:
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder))
    train_alone(config)
    raised = dataclasses.replace(config, min_accuracy=1.0)
    with pytest.raises(GateError, match=r"version 1 came out of exactly these settings: .* less"):
        train_alone(raised)
    assert not list((tmp_path / "data").rglob("pass-*"))


def test_passes_are_kept_until_what_came_of_them_is_safe(
    tmp_path: Path,
    folder: Path,
    train_alone: Callable[[TrainingConfig], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder), min_accuracy=1.0)

    def start(config: TrainingConfig) -> list[str]:
        train_alone(config)
        return list_passes()

    def list_passes() -> list[str]:
        return sorted(path.name for path in (tmp_path / "data").rglob("pass-*"))

    with pytest.raises(GateError, match=r"less than the 100\.00% asked for"):
        start(config)
    assert list_passes() == ["pass-00001.npz"]
    with caplog.at_level(logging.INFO):
        assert start(dataclasses.replace(config, min_accuracy=0.0)) == []
    assert "going on after pass 1 of an earlier training" in caplog.text
    assert list_versions(tmp_path / "models") == [1]

    # More minutes would go on with these.
    short = dataclasses.replace(config, epochs=1_000, max_minutes=2.0, min_accuracy=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "elapsed_s", property(lambda loop: 60.0 * loop.number))
        assert start(short) == ["pass-00001.npz", "pass-00002.npz"]
    assert list_versions(tmp_path / "models") == [1, 2]


def test_a_memory_too_small_is_told_before_anything_is_fetched(
    tmp_path: Path, generator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemAvailable:  500000 kB\nSwapFree:  0 kB\n")
    monkeypatch.setattr(resources, "_MEMORY", memory)
    client = GeneratorClient(generator, tmp_path / "data")
    with pytest.raises(SpaceError, match="512 MB of memory are free"):
        run(TINY, tmp_path / "models", tmp_path / "data", client, 10.0)
    assert not list((tmp_path / "data").rglob("*.npz"))


def test_what_another_trainer_published_meanwhile_is_not_trained_again(
    tmp_path: Path,
    folder: Path,
    train_alone: Callable[[TrainingConfig], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder))

    def wait(root: Path) -> None:
        monkeypatch.undo()
        train_alone(config)  # the other one, which holds the lock meanwhile

    monkeypatch.setattr(job, "require_writable", wait)
    train_alone(config)
    assert list_versions(tmp_path / "models") == [1]


def test_few_of_ones_own_to_measure_on_are_told(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check_size(read_folder(folder, None), TINY)
    assert re.search(r"own, \d\d captchas are for the validation and \d\d for the", caplog.text)


def test_where_nothing_can_be_published_nothing_is_trained(
    tmp_path: Path, folder: Path, train_alone: Callable[[TrainingConfig], None]
) -> None:
    (tmp_path / "models" / ".lock").mkdir(parents=True)
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder))
    with pytest.raises(OSError, match="lock"):
        train_alone(config)
    assert not (tmp_path / "data").exists()


def test_a_target_is_not_met_by_luck_on_the_few_that_a_folder_leaves(
    tmp_path: Path, folder: Path, train_alone: Callable[[TrainingConfig], None]
) -> None:
    config = dataclasses.replace(
        TINY, captchas=0, folder=str(folder), target_accuracy=0.9, validation_captchas=5_000
    )
    with pytest.raises(GateError, match=r"needs 5000 captchas .* the folder leaves \d+"):
        train_alone(config)
