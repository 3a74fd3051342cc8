"""What the job does around a training: shares, space, and one process at a time."""

from __future__ import annotations

import dataclasses
import shutil
import string
from collections import namedtuple
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from generator_service.drawing import list_pngs
from shared.artifacts import list_versions, verify
from shared.spec import CaptchaSpec
from tests.conftest import SPEC
from trainer.client import GeneratorClient, Source
from trainer.config import TrainingConfig
from trainer.job import (
    GateError,
    SpaceError,
    claim,
    describe,
    find_captchas,
    gather_splits,
    list_shares,
    require_space,
    run,
)  # fmt: skip

SOURCE = Source(SPEC, {}, "libraries")
TINY = TrainingConfig(
    captchas=301, validation_captchas=100, test_captchas=101, epochs=1, min_accuracy=0.0
)


def test_each_drawing_has_captchas_of_its_own() -> None:
    shares = [
        (split, drawn.spec.drawing, start, count)
        for split, drawn, start, count in list_shares(TINY, SOURCE)
    ]
    assert shares == [
        ("train", "current", 0, 151),
        ("train", "classic", 151, 150),
        ("validation", "current", 0, 50),
        ("validation", "classic", 50, 50),
        ("test", "current", 0, 51),
        ("test", "classic", 51, 50),
    ]


def test_look_alikes_are_added_to_what_is_trained_on_and_to_nothing_else() -> None:
    config = dataclasses.replace(TINY, look_alikes="17,38", look_alike_captchas=41)
    shares = [
        (drawn.spec.charset, drawn.spec.drawing, start, count)
        for split, drawn, start, count in list_shares(config, SOURCE)
        if split == "train"
    ]
    assert shares == [
        (SPEC.charset, "current", 0, 151),
        (SPEC.charset, "classic", 151, 150),
        ("17", "current", 301, 11),
        ("17", "classic", 312, 10),
        ("38", "current", 322, 10),
        ("38", "classic", 332, 10),
    ]
    others = [share for share in list_shares(config, SOURCE) if share[0] != "train"]
    assert others == [share for share in list_shares(TINY, SOURCE) if share[0] != "train"]


def test_look_alikes_are_labelled_as_characters_of_the_whole_charset(
    tmp_path: Path, generator: httpx.Client, source: Source
) -> None:
    config = dataclasses.replace(TINY, look_alikes="17", look_alike_captchas=40)
    train = gather_splits(config, GeneratorClient(generator, tmp_path), source, None).train
    assert train.origins == (("current", 151), ("classic", 150), ("look-alikes", 40))
    assert set(train.labels[-40:].ravel()) == {1, 7}
    assert set(train.labels[:-40].ravel()) == set(range(10))


def test_look_alikes_that_no_captcha_holds_are_left_out(
    tmp_path: Path, generator: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    config = dataclasses.replace(TINY, look_alikes="0O,17", look_alike_captchas=40)
    added = [share for share in list_shares(config, SOURCE) if share[1].spec.charset == "17"]
    assert sum(count for *_, count in added) == 40
    assert not caplog.text
    none = dataclasses.replace(config, look_alikes="0O,Il")
    source, _ = find_captchas(none, GeneratorClient(generator, tmp_path), 10)
    assert "no set of the look-alikes 0O,Il is in '0123456789': none are added" in caplog.text
    assert list(list_shares(none, source)) == list(list_shares(TINY, source))


def test_splits_hold_every_share_with_its_origin(
    tmp_path: Path, generator: httpx.Client, source: Source
) -> None:
    client = GeneratorClient(generator, tmp_path)
    splits = gather_splits(TINY, client, source, None)
    assert splits.train.origins == (("current", 151), ("classic", 150))
    assert splits.test.origins == (("current", 51), ("classic", 50))
    images = np.concatenate([splits.train.images, splits.validation.images, splits.test.images])
    assert len({image.tobytes() for image in images}) == 502


def test_a_disk_too_full_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    client = GeneratorClient(httpx.Client(), tmp_path)
    large = dataclasses.replace(TINY, captchas=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2e9, 1e9, 1e9))
    with pytest.raises(SpaceError, match=r"has 1,000 MB free, and this training needs 1,1\d\d MB"):
        require_space(large, SOURCE, client, tmp_path)
    require_space(dataclasses.replace(TINY, captchas=70_000), SOURCE, client, tmp_path)


def test_what_is_on_the_disk_already_needs_no_space(
    tmp_path: Path, generator: httpx.Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = GeneratorClient(generator, tmp_path)
    gather_splits(TINY, client, source, None)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2e9, 1e9, 200_000_000))
    require_space(TINY, source, client, tmp_path)


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


def test_a_folder_alone_says_what_a_captcha_is_and_is_trained_on(
    tmp_path: Path, folder: Path
) -> None:
    config = dataclasses.replace(TINY, captchas=0, folder=str(folder))
    nobody = GeneratorClient(httpx.Client(base_url="http://127.0.0.1:9"), tmp_path)
    run(config, tmp_path / "models", tmp_path / "data", nobody, 0.0)
    manifest = verify(tmp_path / "models" / "1")
    assert manifest.captcha_spec == OWN
    assert list(manifest.metrics["by_origin"]) == ["own"]
    assert 10 < manifest.metrics["n"] < 60

    # The same folder elsewhere is nothing new; one more captcha is.
    moved = shutil.copytree(folder, tmp_path / "moved")
    again = dataclasses.replace(config, folder=str(moved))
    run(again, tmp_path / "models", tmp_path / "data", nobody, 0.0)
    assert list_versions(tmp_path / "models") == [1]
    Image.new("L", (80, 40)).save(moved / "abc_new.png")
    run(again, tmp_path / "models", tmp_path / "data", nobody, 0.0)
    assert list_versions(tmp_path / "models") == [1, 2]


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
    splits = gather_splits(config, client, source, own)
    assert [name for name, _ in splits.train.origins] == ["current", "classic", "own"]
    counts = [dict(s.origins)["own"] for s in (splits.train, splits.validation, splits.test)]
    assert sum(counts) == 200
    assert counts[0] > 130


def test_a_target_is_not_met_by_luck_on_the_few_that_a_folder_leaves(
    tmp_path: Path, folder: Path
) -> None:
    config = dataclasses.replace(
        TINY, captchas=0, folder=str(folder), target_accuracy=0.9, validation_captchas=5_000
    )
    nobody = GeneratorClient(httpx.Client(base_url="http://127.0.0.1:9"), tmp_path)
    with pytest.raises(GateError, match=r"needs 5000 captchas .* the folder leaves \d+"):
        run(config, tmp_path / "models", tmp_path / "data", nobody, 0.0)
