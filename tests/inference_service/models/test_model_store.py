from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference_service.errors import EngineError, LoadInterrupted, NoModel
from inference_service.models.model_store import ModelStore
from inference_service.routes.state import require_model
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import IMAGE_FOLDER_KEY
from tests.inference_service import versions as damages
from tests.inference_service.captchas import Captcha, stack
from tests.inference_service.engines import BandEngine, load_band_engine
from tests.inference_service.versions import (
    bundle_fake,
    copy_version,
    flip_a_byte,
    publish_fake,
    remove_all_files,
)
from tests.serving import eventually

SPEC = CaptchaSpec()
# What the generator renders in the tests of the choice of a version.
DIGITS = CaptchaSpec("0123456789", length=5)
HEXADECIMAL = CaptchaSpec("0123456789ABCDEF", length=6, min_length=3)


def new_store(versions: Path, bundled_model: Path | None = None) -> ModelStore:
    return ModelStore(versions, load_band_engine, bundled_model=bundled_model)


class Generator:
    """What the generator renders; None if it is not known."""

    def __init__(self, spec: CaptchaSpec | None) -> None:
        self.spec = spec

    def __call__(self) -> CaptchaSpec | None:
        return self.spec


@pytest.fixture
def bundled_model(tmp_path: Path) -> Path:
    """Return a bundled model that a test can modify."""
    return bundle_fake(tmp_path, SPEC)


@pytest.fixture
def base_model(tmp_path: Path) -> Path:
    """Return a bundled model for more characters and lengths than any of the generators has."""
    return bundle_fake(tmp_path, HEXADECIMAL)


def active(store: ModelStore) -> tuple[int, str]:
    assert store.active is not None
    return store.active.model.version, store.active.model.source


def restriction(store: ModelStore) -> Restriction:
    assert store.active is not None
    return store.active.restriction


def test_without_a_directory_there_is_no_active_version(tmp_path: Path) -> None:
    store = new_store(tmp_path / "missing")
    store.refresh()
    assert store.active is None


def test_the_highest_version_is_active(versions: Path) -> None:
    copy_version(versions, 10)
    copy_version(versions, 9)
    store = new_store(versions)
    store.refresh()
    assert active(store) == (10, "volume")


def test_a_newer_version_becomes_active_and_the_old_model_still_predicts(
    versions: Path, captchas: list[Captcha]
) -> None:
    store = new_store(versions)
    store.refresh()
    old = store.active
    copy_version(versions, 2)
    store.refresh()
    new = store.active
    assert old is not None
    assert new is not None
    assert (old.model.version, new.model.version, store.swaps) == (1, 2, 2)
    for model in (old.model, new.model):
        predictions = model.predict(stack(captchas[:20]), [old.restriction] * 20)
        assert [p.text for p in predictions] == [c.text for c in captchas[:20]]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove_all_files, "manifest.json is missing"),
        (damages.remove_manifest, "manifest.json is missing"),
        (damages.remove_graph, "saved_model.pb cannot be read"),
        (flip_a_byte, "was changed: its SHA-256"),
        (damages.list_a_file_outside, "lists '../../../etc/passwd', which is outside the version"),
        (damages.list_a_file_with_a_nul, "which is outside the version"),
        (damages.replace_graph_by_a_device, "saved_model.pb is not a regular file"),
        (damages.replace_manifest_by_a_pipe, "manifest.json is not a regular file"),
        (damages.link_manifest_to_itself, "manifest.json is not a regular file"),
        (damages.claim_other_characters, "the golden sample was predicted as"),
    ],
)
def test_a_damaged_version_is_rejected_and_the_old_one_stays_active(
    versions: Path, damage: Callable[[Path], None], reason: str
) -> None:
    store = new_store(versions)
    store.refresh()
    damage(copy_version(versions, 2))
    store.refresh()
    assert active(store) == (1, "volume")
    assert reason in store.rejected[2]
    assert store.rejections == 1
    store.refresh()
    assert store.rejections == 1, "an unchanged version is not loaded again"


def test_an_unexpected_error_of_one_version_does_not_prevent_older_versions(
    versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def load(directory: Path, spec: CaptchaSpec) -> BandEngine:
        if directory.name == "2":
            raise KeyError("an unexpected problem")
        return BandEngine(spec)

    copy_version(versions, 2)
    store = ModelStore(versions, load)
    store.refresh()
    assert active(store) == (1, "volume")
    assert "an unexpected problem" in store.rejected[2]
    assert "loading version 2 failed unexpectedly" in caplog.text


def test_a_version_that_fails_the_load_check_is_not_loaded(versions: Path) -> None:
    loaded = []

    def load(directory: Path, spec: CaptchaSpec) -> BandEngine:
        loaded.append(directory.name)
        return BandEngine(spec)

    def check_loading(directory: Path) -> None:
        if directory.name == "2":
            raise EngineError("loading ended the process with SIGSEGV")

    copy_version(versions, 2)
    store = ModelStore(versions, load, check_loading=check_loading)
    store.refresh()
    assert store.rejected == {2: "loading ended the process with SIGSEGV"}
    assert loaded == ["1"]


def test_a_damaged_version_is_rejected_before_the_load_check(versions: Path) -> None:
    checked = []
    flip_a_byte(copy_version(versions, 2))
    store = ModelStore(versions, load_band_engine, check_loading=checked.append)
    store.refresh()
    assert checked == [versions / "1"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LoadInterrupted("loading takes more than 20 s"), "loading takes more than 20 s"),
        (OSError(errno.EMFILE, "Too many open files"), "loading failed: Too many open files"),
    ],
)
def test_a_version_is_checked_again_a_minute_after_a_failure_of_the_machine(
    bundled_model: Path, tmp_path: Path, error: Exception, reason: str
) -> None:
    now = 0.0
    checked = 0
    is_overloaded = True

    def check_loading(directory: Path) -> None:
        nonlocal checked
        checked += 1
        if is_overloaded:
            raise error

    store = ModelStore(
        tmp_path / "volume",
        load_band_engine,
        check_loading=check_loading,
        bundled_model=bundled_model,
        clock=lambda: now,
    )
    for now in (0, 1, 59):  # noqa: B007 - the store reads it
        store.refresh()
        assert (store.active, store.rejected, checked) == (None, {0: reason}, 1)
    now = 60
    store.refresh()
    assert (store.active, store.rejected, checked) == (None, {0: reason}, 2)
    is_overloaded = False
    now = 119
    store.refresh()
    assert (store.active, store.rejected, checked) == (None, {0: reason}, 2)
    now = 120
    store.refresh()
    assert (active(store), store.rejected, checked) == ((0, "bundled"), {}, 3)


def test_a_version_that_fails_the_load_check_itself_is_not_checked_again(versions: Path) -> None:
    now = 0.0
    checked = []

    def check_loading(directory: Path) -> None:
        checked.append(directory.name)
        if directory.name == "2":
            raise EngineError("exit status 7")

    copy_version(versions, 2)
    store = ModelStore(versions, load_band_engine, check_loading=check_loading, clock=lambda: now)
    for now in (0, 100, 100_000):  # noqa: B007 - the store reads it
        store.refresh()
    assert (active(store), store.rejected) == ((1, "volume"), {2: "exit status 7"})
    assert checked == ["2", "1"]


def test_a_version_that_is_still_copied_becomes_active_when_it_is_complete(versions: Path) -> None:
    store = new_store(versions)
    store.refresh()
    partial = versions / "2"
    partial.mkdir()
    shutil.copy(versions / "1" / "manifest.json", partial)
    store.refresh()
    assert 2 in store.rejected
    shutil.copytree(versions / "1", partial, dirs_exist_ok=True)
    store.refresh()
    assert active(store) == (2, "volume")
    assert store.rejected == {}


def test_a_new_store_activates_the_highest_usable_version(versions: Path) -> None:
    copy_version(versions, 2)
    flip_a_byte(copy_version(versions, 3))
    store = new_store(versions)
    store.refresh()
    assert active(store) == (2, "volume")
    assert list(store.rejected) == [3]


def test_removing_the_newest_version_rolls_back(versions: Path) -> None:
    copy_version(versions, 2)
    store = new_store(versions)
    store.refresh()
    shutil.rmtree(versions / "2")
    store.refresh()
    assert active(store) == (1, "volume")


def test_removing_a_rejected_version_removes_its_reason(versions: Path) -> None:
    flip_a_byte(copy_version(versions, 2))
    store = new_store(versions)
    store.refresh()
    assert list(store.rejected) == [2]
    shutil.rmtree(versions / "2")
    store.refresh()
    assert store.rejected == {}


def test_a_version_that_is_replaced_under_its_number_is_loaded_again(versions: Path) -> None:
    store = new_store(versions)
    store.refresh()
    first = store.active
    shutil.move(versions / "1", versions / "old")
    shutil.copytree(versions / "old", versions / "1", copy_function=shutil.copy)
    store.refresh()
    assert store.active is not first
    assert (store.swaps, store.rejected) == (2, {})


def test_a_version_whose_files_are_damaged_while_it_is_active_stays_active(versions: Path) -> None:
    copy_version(versions, 2)
    store = new_store(versions)
    store.refresh()
    flip_a_byte(versions / "2")
    for _ in range(3):
        store.refresh()
    assert active(store) == (2, "volume")
    assert "was changed" in store.rejected[2]
    assert store.rejections == 1


def test_the_last_model_stays_active_if_the_directory_disappears(versions: Path) -> None:
    store = new_store(versions)
    store.refresh()
    shutil.rmtree(versions)
    store.refresh()
    assert active(store) == (1, "volume")


def test_the_bundled_model_is_active_until_the_directory_contains_a_version(
    bundled_model: Path, models: Path, tmp_path: Path
) -> None:
    store = new_store(tmp_path / "volume", bundled_model)
    store.refresh()
    store.refresh()
    assert (active(store), store.swaps) == ((0, "bundled"), 1)
    shutil.copytree(models, tmp_path / "volume")
    store.refresh()
    assert (active(store), store.swaps) == ((1, "volume"), 2)
    assert store.rejected == {}


def test_the_bundled_model_is_not_loaded_if_there_is_a_usable_version(
    bundled_model: Path, versions: Path
) -> None:
    damages.remove_graph(bundled_model / "0")
    store = new_store(versions, bundled_model)
    store.refresh()
    assert active(store) == (1, "volume")
    assert store.rejected == {}


def test_removing_the_last_version_rolls_back_to_the_bundled_model(
    bundled_model: Path, versions: Path
) -> None:
    store = new_store(versions, bundled_model)
    store.refresh()
    shutil.rmtree(versions / "1")
    store.refresh()
    assert active(store) == (0, "bundled")


def test_a_missing_directory_does_not_roll_back_to_the_bundled_model(
    bundled_model: Path, versions: Path
) -> None:
    store = new_store(versions, bundled_model)
    store.refresh()
    elsewhere = versions.with_name("elsewhere")
    shutil.move(versions, elsewhere)
    store.refresh()
    assert active(store) == (1, "volume")
    shutil.move(elsewhere, versions)
    store.refresh()
    assert (active(store), store.rejected) == ((1, "volume"), {})


def test_the_bundled_model_is_active_if_all_versions_are_rejected(
    bundled_model: Path, versions: Path
) -> None:
    flip_a_byte(versions / "1")
    remove_all_files(copy_version(versions, 2))
    store = new_store(versions, bundled_model)
    for _ in range(2):
        store.refresh()
        assert active(store) == (0, "bundled")
        assert list(store.rejected) == [2, 1]
    assert (store.swaps, store.rejections) == (1, 2)


def test_an_active_version_with_damaged_files_is_not_replaced_by_the_bundled_model(
    bundled_model: Path, versions: Path
) -> None:
    store = new_store(versions, bundled_model)
    store.refresh()
    flip_a_byte(versions / "1")
    for _ in range(2):
        store.refresh()
    assert active(store) == (1, "volume")
    assert "was changed" in store.rejected[1]


def test_a_version_that_is_still_copied_replaces_the_bundled_model_when_it_is_complete(
    bundled_model: Path, versions: Path
) -> None:
    complete = shutil.move(versions / "1", versions / "complete")
    partial = versions / "1"
    partial.mkdir()
    shutil.copy(Path(complete) / "manifest.json", partial)
    store = new_store(versions, bundled_model)
    store.refresh()
    assert active(store) == (0, "bundled")
    assert list(store.rejected) == [1]
    shutil.copytree(complete, partial, dirs_exist_ok=True)
    store.refresh()
    assert (active(store), store.rejected) == ((1, "volume"), {})


def test_a_damaged_bundled_model_is_rejected_like_any_version(
    bundled_model: Path, models: Path, tmp_path: Path
) -> None:
    flip_a_byte(bundled_model / "0")
    store = new_store(tmp_path / "volume", bundled_model)
    store.refresh()
    assert store.active is None
    assert "was changed" in store.rejected[0]
    shutil.copytree(models, tmp_path / "volume")
    store.refresh()
    assert active(store) == (1, "volume")


def test_a_version_0_in_the_directory_is_used_only_without_a_bundled_model(
    bundled_model: Path, versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.move(versions / "1", versions / "0")
    without_bundled_model = new_store(versions)
    without_bundled_model.refresh()
    assert active(without_bundled_model) == (0, "volume")
    assert caplog.text == ""
    store = new_store(versions, bundled_model)
    for _ in range(2):
        store.refresh()
        assert active(store) == (0, "bundled")
    assert caplog.text.count("is ignored: 0 is the bundled model") == 1


# Which version predicts the captchas of the generator


def test_the_highest_version_that_was_trained_for_the_generator_is_active(
    versions: Path, base_model: Path
) -> None:
    publish_fake(versions, DIGITS)
    publish_fake(versions, HEXADECIMAL)
    generator = Generator(DIGITS)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    assert active(store) == (2, "volume")
    assert restriction(store) == Restriction("0123456789", 5, 5)
    publish_fake(versions, DIGITS)
    store.refresh()
    assert active(store) == (4, "volume")
    assert store.rejected == {}


@pytest.mark.parametrize(
    "change", [{"style": "classic"}, {"width": 200}, {"height": 80}, {"min_length": 4}]
)
def test_a_version_for_another_style_size_or_length_does_not_match(
    tmp_path: Path, base_model: Path, change: dict[str, Any]
) -> None:
    publish_fake(tmp_path / "captcha", DIGITS)
    generator = Generator(replace(DIGITS, **change))
    store = ModelStore(
        tmp_path / "captcha", load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    assert active(store) == (0, "bundled")
    assert [found.restriction is not None for found in store.versions] == [False, True]


def test_a_version_of_an_image_folder_alone_matches_every_generator(
    versions: Path, base_model: Path
) -> None:
    publish_fake(versions, HEXADECIMAL, renderer={IMAGE_FOLDER_KEY: "0123456789abcdef"})
    generator = Generator(DIGITS)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    assert active(store) == (2, "volume")
    assert restriction(store) == Restriction.from_spec(HEXADECIMAL)


def test_without_a_version_for_the_generator_the_bundled_model_is_restricted_to_its_captchas(
    versions: Path, base_model: Path
) -> None:
    generator = Generator(CaptchaSpec("0123456789", 5, 200, 80, 4, "classic"))
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    assert active(store) == (0, "bundled")
    assert restriction(store) == Restriction("0123456789", 4, 5)


def test_without_a_known_generator_the_highest_version_is_active_whatever_it_was_trained_for(
    versions: Path, base_model: Path
) -> None:
    publish_fake(versions, HEXADECIMAL)
    store = new_store(versions, base_model)
    store.refresh()
    assert (active(store), restriction(store)) == (
        (2, "volume"),
        Restriction.from_spec(HEXADECIMAL),
    )
    shutil.rmtree(versions / "1")
    shutil.rmtree(versions / "2")
    store.refresh()
    assert (active(store), restriction(store)) == (
        (0, "bundled"),
        Restriction.from_spec(HEXADECIMAL),
    )


def test_when_the_generator_changes_the_choice_is_made_again(
    versions: Path, base_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    publish_fake(versions, DIGITS)
    generator = Generator(None)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    expected = [
        (None, 2, DIGITS),
        (SPEC, 1, SPEC),
        (CaptchaSpec("ABC", 4), 0, CaptchaSpec("ABC", 4)),
        (CaptchaSpec("ABCDEF", 6), 0, CaptchaSpec("ABCDEF", 6)),
        (DIGITS, 2, DIGITS),
    ]
    for spec, version, allowed in expected:
        generator.spec = spec
        store.refresh()
        assert store.active is not None
        assert store.active.model.version == version
        assert restriction(store) == Restriction.from_spec(allowed)
    # The bundled model is not loaded again when only its restriction changes.
    assert store.swaps == 4
    assert "version 0 predicts 6 characters of 'ABCDEF'" in caplog.text


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            CaptchaSpec("0123+$", 4),
            "CAPTCHA_CHARSET contains '$+', which the bundled model does not know; a version is"
            " needed that is trained for it",
        ),
        (
            CaptchaSpec("0123", 10),
            "CAPTCHA_LENGTH is 10, and the bundled model predicts 3 to 6 characters; a version is"
            " needed that is trained for it",
        ),
        (
            CaptchaSpec("0123", 2),
            "CAPTCHA_LENGTH is 2, and the bundled model predicts 3 to 6 characters; a version is"
            " needed that is trained for it",
        ),
        (
            CaptchaSpec("0123", 5, min_length=1),
            "CAPTCHA_MIN_LENGTH is 1, and the bundled model predicts 3 to 6 characters; a version"
            " is needed that is trained for it",
        ),
    ],
)
def test_no_version_is_active_for_captchas_that_not_even_the_bundled_model_predicts(
    versions: Path, base_model: Path, spec: CaptchaSpec, reason: str
) -> None:
    generator = Generator(None)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    assert active(store) == (1, "volume")
    generator.spec = spec
    for _ in range(2):
        store.refresh()
        assert store.active is None, "version 1 is in memory, but for other captchas"
    with pytest.raises(NoModel, match=f"^no model: {re.escape(reason)}$"):
        require_model(store)
    publish_fake(versions, spec)
    store.refresh()
    assert active(store) == (2, "volume")


def test_without_a_bundled_model_no_version_for_the_generator_is_no_model(versions: Path) -> None:
    store = ModelStore(versions, load_band_engine, find_generator=Generator(DIGITS))
    store.refresh()
    assert store.active is None
    with pytest.raises(NoModel, match="no usable version was trained for the captchas of the gen"):
        require_model(store)


def test_a_version_for_other_captchas_is_neither_loaded_nor_rejected(
    versions: Path, base_model: Path
) -> None:
    checked: list[Path] = []
    flip_a_byte(publish_fake(versions, HEXADECIMAL))
    store = ModelStore(
        versions,
        load_band_engine,
        check_loading=checked.append,
        bundled_model=base_model,
        find_generator=Generator(SPEC),
    )
    store.refresh()
    assert active(store) == (1, "volume")
    assert checked == [versions / "1"]
    assert store.rejected == {}


def test_a_rejected_version_for_the_generator_leaves_the_bundled_model(
    tmp_path: Path, base_model: Path
) -> None:
    flip_a_byte(publish_fake(tmp_path / "captcha", DIGITS))
    store = ModelStore(
        tmp_path / "captcha",
        load_band_engine,
        bundled_model=base_model,
        find_generator=Generator(DIGITS),
    )
    store.refresh()
    assert (active(store), restriction(store)) == (
        (0, "bundled"),
        Restriction.from_spec(DIGITS),
    )
    assert list(store.rejected) == [1]


def test_a_missing_directory_keeps_the_active_version_only_if_it_is_for_the_generator(
    versions: Path, base_model: Path
) -> None:
    generator = Generator(SPEC)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    shutil.rmtree(versions)
    store.refresh()
    assert active(store) == (1, "volume")
    generator.spec = DIGITS
    store.refresh()
    assert (active(store), restriction(store)) == ((0, "bundled"), Restriction.from_spec(DIGITS))
    generator.spec = SPEC
    store.refresh()
    assert (active(store), restriction(store)) == ((0, "bundled"), Restriction.from_spec(SPEC))


def test_a_version_with_a_damaged_manifest_does_not_stay_active_for_another_generator(
    versions: Path, base_model: Path
) -> None:
    generator = Generator(SPEC)
    store = ModelStore(
        versions, load_band_engine, bundled_model=base_model, find_generator=generator
    )
    store.refresh()
    damages.remove_manifest(versions / "1")
    store.refresh()
    assert active(store) == (1, "volume")
    generator.spec = DIGITS
    store.refresh()
    assert active(store) == (0, "bundled")


def test_a_directory_that_cannot_be_read_does_not_keep_a_version_for_another_generator(
    versions: Path,
) -> None:
    generator = Generator(SPEC)
    store = ModelStore(versions, load_band_engine, find_generator=generator)
    store.refresh()
    shutil.rmtree(versions)
    versions.write_text("not a directory")
    store.refresh()
    assert active(store) == (1, "volume")
    generator.spec = DIGITS
    store.refresh()
    assert store.active is None


def test_the_bundled_model_is_active_while_the_directory_cannot_be_read(
    bundled_model: Path, versions: Path
) -> None:
    elsewhere = shutil.move(versions, versions.with_name("elsewhere"))
    versions.symlink_to(versions)
    store = new_store(versions, bundled_model)
    store.refresh()
    store.refresh()
    assert (active(store), store.swaps) == ((0, "bundled"), 1)
    versions.unlink()
    shutil.move(elsewhere, versions)
    store.refresh()
    assert (active(store), store.swaps) == ((1, "volume"), 2)


def test_a_directory_that_cannot_be_read_does_not_roll_back_to_the_bundled_model(
    bundled_model: Path, versions: Path
) -> None:
    flip_a_byte(copy_version(versions, 2))
    store = new_store(versions, bundled_model)
    store.refresh()
    elsewhere = shutil.move(versions, versions.with_name("elsewhere"))
    versions.symlink_to(versions)
    store.refresh()
    assert (active(store), store.swaps, list(store.rejected)) == ((1, "volume"), 1, [2])
    versions.unlink()
    shutil.move(elsewhere, versions)
    store.refresh()
    assert (active(store), store.swaps, store.rejections) == ((1, "volume"), 1, 1)


def test_the_reason_names_a_directory_that_cannot_be_read(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    versions.write_text("not a directory")
    store = new_store(versions)
    store.refresh()
    reason = "no model: the models directory cannot be read: Not a directory"
    with pytest.raises(NoModel, match=f"^{reason}$"):
        require_model(store)
    versions.unlink()
    store.refresh()
    with pytest.raises(NoModel, match="the trainer has not published a version yet"):
        require_model(store)


def test_watching_continues_after_a_scan_that_fails(
    versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingOnce(ModelStore):
        calls = 0

        def refresh(self) -> None:
            self.calls += 1
            if self.calls == 1:
                raise PermissionError("the directory is not accessible")
            super().refresh()

    store = FailingOnce(versions, load_band_engine)
    stop = threading.Event()
    watcher = threading.Thread(target=store.watch, args=(0.02, stop))
    watcher.start()
    eventually(lambda: store.active, 20, "version 1 is active")
    stop.set()
    watcher.join()
    assert store.initial_scan.is_set()
    assert "the scan of the models directory failed" in caplog.text


@pytest.mark.slow
def test_fifty_swaps_do_not_grow_the_memory(real_versions: Path) -> None:
    # In a process of its own, because other tests would change the measured memory.
    program = """
import base64, os, shutil, sys
from pathlib import Path
from inference_service.engines import OpenVinoEngine
from inference_service.models.model_store import ModelStore
from shared.captchas.images import decode_image

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

versions = Path(sys.argv[1])
store = ModelStore(versions, OpenVinoEngine)
store.refresh()
model, restriction = store.active.model, store.active.restriction
golden = model.manifest.golden
image = decode_image(base64.b64decode(golden.image), model.spec)
before = resident_mb()
for version in range(2, 52):
    shutil.copytree(versions / "1", versions / str(version))
    store.refresh()
    assert store.active.model.predict(image[None], [restriction])[0].text == golden.text
assert (store.active.model.version, store.swaps) == (51, 51)
print(resident_mb() - before)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc")
    result = subprocess.run(
        [sys.executable, "-c", program, str(real_versions)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert float(result.stdout) <= 50
