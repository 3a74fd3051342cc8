from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.models import ModelStore
from shared.artifacts import ManifestDraft, publish, read_manifest
from shared.labels import decode
from shared.spec import CaptchaSpec
from tests.conftest import SPEC
from trainer.dataset import Splits


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "captcha"
    shutil.copytree(models, copy)
    return copy


def new_store(root: Path) -> ModelStore:
    return ModelStore(root, partial(OpenVinoEngine, threads=1))


@pytest.fixture
def box(models: Path, tmp_path: Path) -> Path:
    box = tmp_path / "box"
    shutil.copytree(models / "1", box / "0")
    return box


def new_store_with(box: Path, root: Path) -> ModelStore:
    return ModelStore(root, partial(OpenVinoEngine, threads=1), box=box)


def answering(store: ModelStore) -> tuple[int, bool]:
    """The version that answers, and whether it is the one in the box."""
    assert store.current is not None
    return store.current.version, store.current.in_box


def add(root: Path, version: int) -> Path:
    shutil.copytree(root / "1", root / str(version))
    return root / str(version)


def edit_manifest(version_dir: Path, **changes: object) -> None:
    path = version_dir / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_without_a_directory_there_is_no_model(tmp_path: Path) -> None:
    store = new_store(tmp_path / "missing")
    store.refresh()
    assert store.current is None


def test_the_highest_version_answers(root: Path, splits: Splits) -> None:
    add(root, 10)
    add(root, 9)
    store = new_store(root)
    store.refresh()
    assert store.current is not None
    assert store.current.version == 10
    reading = store.current.read(splits.test.images[:1])[0]
    assert len(reading.text) == 4
    assert reading.confidences.shape == (4,)


def test_a_newer_version_takes_over_and_the_old_object_still_answers(
    root: Path, splits: Splits
) -> None:
    store = new_store(root)
    store.refresh()
    old = store.current
    add(root, 2)
    store.refresh()
    assert store.current is not None
    assert old is not None
    assert (old.version, store.current.version, store.swaps) == (1, 2, 2)
    images = splits.test.images[:20]
    assert [r.text for r in old.read(images)] == [r.text for r in store.current.read(images)]


def flip_a_byte(directory: Path) -> None:
    path = next((directory / "variables").glob("variables.data*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def wrong_golden(directory: Path) -> None:
    golden = json.loads((directory / "manifest.json").read_text())["golden"]
    golden["probabilities"] = golden["probabilities"][::-1]
    edit_manifest(directory, golden=golden)


def other_spec(directory: Path) -> None:
    edit_manifest(directory, spec=SPEC.to_dict() | {"charset": "01234567"})


def ragged_golden(directory: Path) -> None:
    golden = json.loads((directory / "manifest.json").read_text())["golden"]
    golden["probabilities"][0] = [1.0]
    edit_manifest(directory, golden=golden)


def names_a_file_outside(directory: Path) -> None:
    record = {"sha256": "0", "size_bytes": 0}
    edit_manifest(directory, files={"saved_model.pb": record, "../../../etc/passwd": record})


def names_a_nul(directory: Path) -> None:
    edit_manifest(directory, files={"saved_model.pb": {"sha256": "0", "size_bytes": 0}, "\0": {
        "sha256": "0", "size_bytes": 0}})  # fmt: skip


def a_device_instead_of_a_file(directory: Path) -> None:
    (directory / "saved_model.pb").unlink()
    (directory / "saved_model.pb").symlink_to("/dev/zero")


def a_pipe_instead_of_the_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()
    os.mkfifo(directory / "manifest.json")


def a_loop_of_links(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()
    (directory / "manifest.json").symlink_to("manifest.json")


def other_letters(directory: Path) -> None:
    edit_manifest(directory, spec=SPEC.to_dict() | {"charset": "abcdefghij"})


def no_graph(directory: Path) -> None:
    # A manifest that is right about files that are no model.
    draft = ManifestDraft(**read_manifest(directory).model_dump(exclude={"files"}))
    shutil.rmtree(directory)
    source = directory.with_suffix(".source")
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"no graph")
    publish(source, directory.parent, draft)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (empty, "no manifest.json"),
        (lambda d: (d / "manifest.json").unlink(), "no manifest.json"),
        (lambda d: (d / "saved_model.pb").unlink(), "saved_model.pb cannot be read"),
        (flip_a_byte, "was changed: its SHA-256"),
        (wrong_golden, "the golden captcha was read as"),
        (other_spec, "the model answers (4, 10), its spec asks for (4, 8)"),
        (no_graph, "RuntimeError"),
        (ragged_golden, "the golden captcha cannot be used"),
        (names_a_file_outside, "names '../../../etc/passwd', which is not a file of this version"),
        (names_a_nul, "not a file of this version"),
        (a_device_instead_of_a_file, "saved_model.pb is not a regular file"),
        (a_pipe_instead_of_the_manifest, "manifest.json is not a regular file"),
        (a_loop_of_links, "manifest.json is not a regular file"),
        (other_letters, "the golden captcha was read as"),
    ],
)
def test_a_broken_version_is_refused_and_the_old_one_goes_on(
    root: Path, damage: object, why: str
) -> None:
    store = new_store(root)
    store.refresh()
    damage(add(root, 2))  # type: ignore[operator]
    store.refresh()
    assert store.current is not None
    assert store.current.version == 1
    assert why in store.refused[2]
    assert store.refusals == 1
    store.refresh()
    assert store.refusals == 1, "an unchanged version is not tried again"


def test_a_version_that_breaks_the_loader_does_not_keep_older_ones_from_answering(
    root: Path,
) -> None:
    def load(directory: Path, spec: CaptchaSpec) -> OpenVinoEngine:
        if directory.name == "2":
            raise KeyError("something nobody thought of")
        return OpenVinoEngine(directory, spec, threads=1)

    add(root, 2)
    store = ModelStore(root, load)
    store.refresh()
    assert store.current is not None
    assert store.current.version == 1
    assert "something nobody thought of" in store.refused[2]


def test_a_version_that_was_half_copied_is_taken_once_it_is_whole(root: Path) -> None:
    store = new_store(root)
    store.refresh()
    half = root / "2"
    half.mkdir()
    shutil.copy(root / "1" / "manifest.json", half)
    store.refresh()
    assert 2 in store.refused
    shutil.copytree(root / "1", half, dirs_exist_ok=True)
    store.refresh()
    assert store.current is not None
    assert store.current.version == 2
    assert store.refused == {}


def test_a_start_finds_the_highest_good_version(root: Path) -> None:
    add(root, 2)
    flip_a_byte(add(root, 3))
    store = new_store(root)
    store.refresh()
    assert store.current is not None
    assert store.current.version == 2
    assert list(store.refused) == [3]


def test_removing_the_newest_version_rolls_back(root: Path) -> None:
    add(root, 2)
    store = new_store(root)
    store.refresh()
    shutil.rmtree(root / "2")
    store.refresh()
    assert store.current is not None
    assert store.current.version == 1


def test_a_version_that_was_replaced_under_its_number_is_loaded_again(root: Path) -> None:
    store = new_store(root)
    store.refresh()
    first = store.current
    shutil.move(root / "1", root / "old")
    shutil.copytree(root / "old", root / "1", copy_function=shutil.copy)
    store.refresh()
    assert store.current is not first
    assert (store.swaps, store.refused) == (2, {})


def test_a_version_that_is_damaged_while_it_answers_goes_on_answering(root: Path) -> None:
    add(root, 2)
    store = new_store(root)
    store.refresh()
    flip_a_byte(root / "2")
    for _ in range(3):
        store.refresh()
    assert store.current is not None
    assert store.current.version == 2
    assert "was changed" in store.refused[2]
    assert store.refusals == 1


def test_the_last_model_stays_in_memory_if_the_volume_is_emptied(root: Path) -> None:
    store = new_store(root)
    store.refresh()
    shutil.rmtree(root)
    store.refresh()
    assert store.current is not None


def test_until_the_volume_has_a_version_the_one_in_the_box_answers(
    box: Path, root: Path, tmp_path: Path
) -> None:
    store = new_store_with(box, tmp_path / "volume")
    store.refresh()
    store.refresh()
    assert (answering(store), store.swaps) == ((0, True), 1)
    shutil.copytree(root, tmp_path / "volume")
    store.refresh()
    assert (answering(store), store.swaps) == ((1, False), 2)
    assert store.refused == {}


def test_a_start_with_a_good_version_never_loads_the_one_in_the_box(box: Path, root: Path) -> None:
    (box / "0" / "saved_model.pb").unlink()
    store = new_store_with(box, root)
    store.refresh()
    assert answering(store) == (1, False)
    assert store.refused == {}


def test_removing_the_last_version_rolls_back_to_the_box(box: Path, root: Path) -> None:
    store = new_store_with(box, root)
    store.refresh()
    shutil.rmtree(root / "1")
    store.refresh()
    assert answering(store) == (0, True)


def test_a_volume_that_is_gone_altogether_leaves_the_model_in_memory(box: Path, root: Path) -> None:
    store = new_store_with(box, root)
    store.refresh()
    shutil.move(root, root.with_name("elsewhere"))
    store.refresh()
    assert answering(store) == (1, False)
    shutil.move(root.with_name("elsewhere"), root)
    store.refresh()
    assert (answering(store), store.refused) == ((1, False), {})


def test_if_all_versions_are_refused_the_one_in_the_box_answers(box: Path, root: Path) -> None:
    flip_a_byte(root / "1")
    empty(add(root, 2))
    store = new_store_with(box, root)
    for _ in range(2):
        store.refresh()
        assert answering(store) == (0, True)
        assert list(store.refused) == [2, 1]
    assert (store.swaps, store.refusals) == (1, 2)


def test_a_version_that_is_damaged_while_it_answers_does_not_give_way_to_the_box(
    box: Path, root: Path
) -> None:
    store = new_store_with(box, root)
    store.refresh()
    flip_a_byte(root / "1")
    for _ in range(2):
        store.refresh()
    assert answering(store) == (1, False)
    assert "was changed" in store.refused[1]


def test_a_version_that_takes_over_from_the_box_may_arrive_in_parts(box: Path, root: Path) -> None:
    shutil.move(root / "1", root / "whole")
    half = root / "1"
    half.mkdir()
    shutil.copy(root / "whole" / "manifest.json", half)
    store = new_store_with(box, root)
    store.refresh()
    assert answering(store) == (0, True)
    assert list(store.refused) == [1]
    shutil.copytree(root / "whole", half, dirs_exist_ok=True)
    store.refresh()
    assert (answering(store), store.refused) == ((1, False), {})


def test_a_damaged_box_is_refused_like_any_version(box: Path, root: Path, tmp_path: Path) -> None:
    flip_a_byte(box / "0")
    store = new_store_with(box, tmp_path / "volume")
    store.refresh()
    assert store.current is None
    assert "was changed" in store.refused[0]
    shutil.copytree(root, tmp_path / "volume")
    store.refresh()
    assert answering(store) == (1, False)


def test_a_version_0_in_the_volume_is_not_mistaken_for_the_one_in_the_box(
    box: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.move(root / "1", root / "0")
    without_box = new_store(root)
    without_box.refresh()
    assert answering(without_box) == (0, False)
    assert caplog.text == ""
    store = new_store_with(box, root)
    for _ in range(2):
        store.refresh()
        assert answering(store) == (0, True)
    assert caplog.text.count("the volume's version 0 is not used") == 1


def test_nan_weights_are_refused(root: Path) -> None:
    class Nan:
        name = "nan"

        def predict(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 4, 10), np.nan, np.float32)

    store = ModelStore(root, lambda *_: Nan())
    store.refresh()
    assert store.current is None
    assert "the golden captcha was read as" in store.refused[1]


def test_the_watch_survives_a_volume_that_cannot_be_read(root: Path, splits: Splits) -> None:
    class Failing(ModelStore):
        calls = 0

        def refresh(self) -> None:
            self.calls += 1
            if self.calls == 1:
                raise PermissionError("the volume is gone for a moment")
            super().refresh()

    store = Failing(root, partial(OpenVinoEngine, threads=1))
    stop = threading.Event()
    watcher = threading.Thread(target=store.watch, args=(0.05, stop))
    watcher.start()
    deadline = time.monotonic() + 20
    while store.current is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    watcher.join()
    expected = decode(splits.test.labels[:1], SPEC)[0]
    assert len(store.current.read(splits.test.images[:1])[0].text) == len(expected)


def test_fifty_swaps_do_not_grow_the_memory(root: Path) -> None:
    # In a process of its own: what else runs here would be counted too.
    program = """
import os, shutil, sys
from functools import partial
from pathlib import Path
from inference_service.engines import OpenVinoEngine
from inference_service.models import ModelStore
from shared.images import decode_image
import base64

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

root = Path(sys.argv[1])
store = ModelStore(root, partial(OpenVinoEngine, threads=2))
store.refresh()
golden = store.current.manifest.golden
image = decode_image(base64.b64decode(golden.image), store.current.spec)
before = resident_mb()
for version in range(2, 52):
    shutil.copytree(root / "1", root / str(version))
    store.refresh()
    assert store.current.read(image[None])[0].text == golden.text
assert (store.current.version, store.swaps) == (51, 51)
print(resident_mb() - before)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("reads resident memory from /proc")
    result = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) <= 50
