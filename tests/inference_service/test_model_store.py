from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.errors import EngineError
from inference_service.model_store import ModelStore
from shared.spec import CaptchaSpec
from tests.inference_service import versions as damages
from tests.inference_service.captchas import Captcha, stack
from tests.inference_service.engines import FakeEngine
from tests.inference_service.versions import copy_version, flip_a_byte, remove_all_files
from tests.serving import eventually


def new_store(versions: Path, bundled_model: Path | None = None) -> ModelStore:
    return ModelStore(versions, lambda *_: FakeEngine(), bundled_model=bundled_model)


@pytest.fixture
def bundled_model(models: Path, tmp_path: Path) -> Path:
    """Return a copy of the bundled model that a test can modify."""
    shutil.copytree(models / "1", tmp_path / "bundled_model" / "0")
    return tmp_path / "bundled_model"


def active(store: ModelStore) -> tuple[int, str]:
    assert store.active is not None
    return store.active.version, store.active.source


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
    versions: Path, openvino: OpenVinoEngine, captchas: list[Captcha]
) -> None:
    store = ModelStore(versions, lambda *_: openvino)
    store.refresh()
    old = store.active
    copy_version(versions, 2)
    store.refresh()
    new = store.active
    assert old is not None
    assert new is not None
    assert (old.version, new.version, store.swaps) == (1, 2, 2)
    images = stack(captchas[:20])
    assert [p.text for p in old.predict(images)] == [p.text for p in new.predict(images)]


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
    def load(directory: Path, spec: CaptchaSpec) -> FakeEngine:
        if directory.name == "2":
            raise KeyError("an unexpected problem")
        return FakeEngine()

    copy_version(versions, 2)
    store = ModelStore(versions, load)
    store.refresh()
    assert active(store) == (1, "volume")
    assert "an unexpected problem" in store.rejected[2]
    assert "loading version 2 failed unexpectedly" in caplog.text


def test_a_version_that_fails_the_load_check_is_not_loaded(versions: Path) -> None:
    loaded = []

    def load(directory: Path, spec: CaptchaSpec) -> FakeEngine:
        loaded.append(directory.name)
        return FakeEngine()

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
    store = ModelStore(versions, lambda *_: FakeEngine(), check_loading=checked.append)
    store.refresh()
    assert checked == [versions / "1"]


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

    store = FailingOnce(versions, lambda *_: FakeEngine())
    stop = threading.Event()
    watcher = threading.Thread(target=store.watch, args=(0.02, stop))
    watcher.start()
    eventually(lambda: store.active, 20, "version 1 is active")
    stop.set()
    watcher.join()
    assert store.initial_scan.is_set()
    assert "the scan of the models directory failed" in caplog.text


@pytest.mark.slow
def test_fifty_swaps_do_not_grow_the_memory(versions: Path) -> None:
    # In a process of its own, because other tests would change the measured memory.
    program = """
import base64, os, shutil, sys
from functools import partial
from pathlib import Path
from inference_service.engines import OpenVinoEngine
from inference_service.model_store import ModelStore
from shared.images import decode_image

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

versions = Path(sys.argv[1])
store = ModelStore(versions, partial(OpenVinoEngine, threads=2))
store.refresh()
golden = store.active.manifest.golden
image = decode_image(base64.b64decode(golden.image), store.active.spec)
before = resident_mb()
for version in range(2, 52):
    shutil.copytree(versions / "1", versions / str(version))
    store.refresh()
    assert store.active.predict(image[None])[0].text == golden.text
assert (store.active.version, store.swaps) == (51, 51)
print(resident_mb() - before)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc")
    result = subprocess.run(
        [sys.executable, "-c", program, str(versions)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert float(result.stdout) <= 50
