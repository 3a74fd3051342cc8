"""Model versions: complete or absent, verified, numbered."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from shared.versions import artifacts
from shared.versions.artifacts import (
    ArtifactError,
    check_writable,
    list_versions,
    publish,
    read_manifest,
    verify,
)
from shared.versions.manifest import FileRecord, Manifest
from tests.shared.sample_manifest import sample_draft


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Return a directory as an exported SavedModel."""
    directory = tmp_path / "exported"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "data").write_bytes(b"weights")
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models" / "captcha"


@pytest.fixture
def version(exported: Path, root: Path) -> Path:
    """Publish a version and return its directory."""
    return root / str(publish(exported, root, sample_draft()))


def change_manifest(version: Path, change: Callable[[dict], object]) -> None:
    path = version / "manifest.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def fails_with(action: Callable[[Path], object], version: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        action(version)
    return str(caught.value)


def test_the_names_on_disk_never_change() -> None:
    names = (artifacts.MODEL_NAME, artifacts.MANIFEST, artifacts.SAVED_MODEL)
    assert names == ("captcha", "manifest.json", "saved_model.pb")
    assert (artifacts.SIGNATURE_INPUT, artifacts.SIGNATURE_OUTPUT) == ("images", "probabilities")
    assert issubclass(ArtifactError, ValueError)


# Listing


def test_versions_are_numbered_from_one(exported: Path, root: Path) -> None:
    assert list_versions(root) == []
    assert [publish(exported, root, sample_draft()) for _ in range(3)] == [1, 2, 3]
    assert list_versions(root) == [1, 2, 3]


def test_versions_are_sorted_by_number(root: Path) -> None:
    for name in ("10", "9", "2"):
        (root / name).mkdir(parents=True)
    assert list_versions(root) == [2, 9, 10]


def test_a_number_is_never_used_twice_even_if_its_version_is_invalid(
    exported: Path, root: Path
) -> None:
    (root / "7").mkdir(parents=True)
    assert publish(exported, root, sample_draft()) == 8


def test_other_entries_are_not_versions(root: Path) -> None:
    for name in (".partial-1", "latest", "-1", "1.5", "007", "\N{ARABIC-INDIC DIGIT FOUR}", "3"):
        (root / name).mkdir(parents=True)
    (root / "4").write_text("a file")
    assert list_versions(root) == [3]


# Publishing


def test_a_published_version_verifies_and_contains_the_given_files(
    exported: Path, root: Path
) -> None:
    publish(exported, root, sample_draft(training_fingerprint="abc"))
    manifest = verify(root / "1")
    assert manifest.training_fingerprint == "abc"
    assert manifest.captcha_spec == CaptchaSpec()
    assert manifest.files == {
        "saved_model.pb": FileRecord(sha256=hashlib.sha256(b"graph").hexdigest(), size_bytes=5),
        "variables/data": FileRecord(sha256=hashlib.sha256(b"weights").hexdigest(), size_bytes=7),
    }
    assert (root / "1" / "variables" / "data").read_bytes() == b"weights"
    assert (exported / "saved_model.pb").exists()


def test_the_manifest_is_indented_json(version: Path) -> None:
    text = (version / "manifest.json").read_text()
    assert text == read_manifest(version).model_dump_json(indent=2) + "\n"
    assert text.startswith('{\n  "format": 3,\n')


def test_a_model_with_an_invalid_spec_is_not_published(exported: Path, root: Path) -> None:
    with pytest.raises(ArtifactError, match="a spec has the fields"):
        publish(exported, root, sample_draft(spec={"charset": "0"}))
    assert [path.name for path in root.iterdir()] == [".lock"]


def test_partial_versions_of_killed_trainers_are_removed(exported: Path, root: Path) -> None:
    (root / ".partial-dead" / "variables").mkdir(parents=True)
    publish(exported, root, sample_draft())
    assert sorted(path.name for path in root.iterdir()) == [".lock", "1"]


def test_a_failed_publish_leaves_nothing(exported: Path, root: Path) -> None:
    (exported / "saved_model.pb").rename(exported / "other.pb")
    with pytest.raises(ArtifactError, match=r"manifest.json does not list saved_model\.pb"):
        publish(exported, root, sample_draft())
    assert [path.name for path in root.iterdir()] == [".lock"]


def test_everybody_can_read_a_version_from_a_private_directory(exported: Path, root: Path) -> None:
    exported.chmod(0o700)
    publish(exported, root, sample_draft())
    assert (root / "1").stat().st_mode & 0o777 == 0o755


def test_every_file_and_directory_is_flushed_to_disk(
    exported: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, int]] = []
    descriptors: list[int] = []

    def record(descriptor: int) -> None:
        status = os.fstat(descriptor)
        flushed.append((status.st_dev, status.st_ino))
        descriptors.append(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    publish(exported, root, sample_draft())
    version = root / "1"
    expected = [*version.rglob("*"), version, root]
    assert len(expected) == 6
    found = {(path.stat().st_dev, path.stat().st_ino) for path in expected}
    assert set(flushed) == found
    for descriptor in set(descriptors):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_failure_to_flush_the_directory_is_only_a_warning(
    exported: Path, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), root.stat()):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    assert publish(exported, root, sample_draft()) == 1
    verify(root / "1")
    ((logger, level, message),) = caplog.record_tuples
    assert (logger, level) == ("shared.versions.artifacts", logging.WARNING)
    assert message == ("version 1 may be lost in a power failure: [Errno 5] Input/output error")


def test_a_file_that_cannot_be_copied_is_an_error_with_one_reason(
    exported: Path, root: Path
) -> None:
    (exported / "variables" / "lost").symlink_to("nowhere")
    message = r"^the version cannot be written: \[Errno 2\] No such file or directory: \S+lost'$"
    with pytest.raises(OSError, match=message):
        publish(exported, root, sample_draft())
    assert list_versions(root) == []


def test_two_trainers_publish_one_after_the_other(
    exported: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = threading.Event()
    proceed = threading.Event()
    write = artifacts._write_version
    active: list[str] = []
    overlaps: list[int] = []

    def slow(source: Path, target: Path, draft: object) -> None:
        active.append("")
        overlaps.append(len(active))
        inside.set()
        proceed.wait(10)
        write(source, target, draft)  # type: ignore[arg-type]
        active.pop()

    monkeypatch.setattr(artifacts, "_write_version", slow)
    threads = [
        threading.Thread(target=publish, args=(exported, root, sample_draft())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert inside.wait(10)
    time.sleep(0.1)
    proceed.set()
    for thread in threads:
        thread.join(10)
    assert overlaps == [1, 1]
    assert list_versions(root) == [1, 2]


def test_a_writable_directory_is_created_by_the_check(root: Path) -> None:
    check_writable(root)
    assert [path.name for path in root.iterdir()] == [".lock"]
    check_writable(root)


def test_a_directory_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(OSError, match="models"):
        check_writable(tmp_path / "models" / "captcha")


# Verification


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda v: (v / "variables" / "data").write_bytes(b"weighty"),
            "variables/data was changed: its SHA-256 differs from the manifest",
        ),
        (
            lambda v: (v / "variables" / "data").write_bytes(b"cut"),
            "variables/data has 3 bytes, not 7",
        ),
        (
            lambda v: (v / "saved_model.pb").unlink(),
            "saved_model.pb cannot be read: No such file or directory",
        ),
        (lambda v: (v / "manifest.json").unlink(), "manifest.json is missing"),
    ],
)
def test_a_damaged_version_is_described(
    version: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(version)
    assert fails_with(verify, version) == message


def test_a_version_without_a_saved_model_is_rejected(version: Path) -> None:
    change_manifest(version, lambda values: values["files"].pop("saved_model.pb"))
    assert fails_with(verify, version) == "manifest.json does not list saved_model.pb"


@pytest.mark.parametrize("name", ["/etc/hostname", "../2/data", "variables/../../x", "a\0b"])
def test_files_outside_the_version_are_not_read(version: Path, name: str) -> None:
    record = {"sha256": "ab" * 32, "size_bytes": 1}
    change_manifest(version, lambda values: values["files"].update({name: record}))
    assert fails_with(verify, version) == (
        f"manifest.json lists {name!r}, which is outside the version"
    )


def test_a_link_or_pipe_is_not_a_file_of_the_version(version: Path) -> None:
    data = version / "variables" / "data"
    data.rename(version / "elsewhere")
    data.symlink_to(version / "elsewhere")
    assert fails_with(verify, version) == "data is not a regular file"
    data.unlink()
    os.mkfifo(data)
    assert fails_with(verify, version) == "data is not a regular file"


def test_a_manifest_that_is_a_directory_is_rejected(version: Path) -> None:
    (version / "manifest.json").unlink()
    (version / "manifest.json").mkdir()
    assert fails_with(read_manifest, version) == "manifest.json is not a regular file"


def test_reading_a_manifest_does_not_read_the_files(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"changed")
    manifest = read_manifest(version)
    assert isinstance(manifest, Manifest)
    assert list(manifest.files) == ["saved_model.pb", "variables/data"]


def test_a_manifest_of_exactly_the_maximum_size_is_read(version: Path) -> None:
    path = version / "manifest.json"
    padding = 10_000_000 - path.stat().st_size
    path.write_text(path.read_text() + padding * " ")
    assert read_manifest(version)
    path.write_text(path.read_text() + " ")
    assert fails_with(read_manifest, version) == "manifest.json has more than 10,000,000 bytes"


def test_an_invalid_manifest_is_rejected_with_the_field(version: Path) -> None:
    path = version / "manifest.json"
    whole = path.read_text()
    path.write_text("{")
    assert fails_with(read_manifest, version).startswith("manifest.json is invalid: Invalid JSON")
    path.write_text("[]")
    message = fails_with(read_manifest, version)
    assert message.startswith("manifest.json is invalid: Input should be an object")
    path.write_text(whole)
    change_manifest(version, lambda values: values["files"]["variables/data"].pop("sha256"))
    assert fails_with(read_manifest, version) == (
        "manifest.json is invalid: files.variables/data.sha256: Field required"
    )


def test_a_manifest_with_an_invalid_spec_is_rejected(version: Path) -> None:
    change_manifest(version, lambda values: values["spec"].update(length=0))
    assert fails_with(read_manifest, version) == (
        "manifest.json is invalid: length must be an integer from 1 to 16, not 0"
    )


def test_an_unreadable_manifest_is_rejected(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:  # as without permission; root could read such a file
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert "Permission denied" in fails_with(read_manifest, version)


# Kills


def publish_forever(exported: Path, root: Path) -> None:
    while True:
        publish(exported, root, sample_draft())


def test_a_publisher_killed_at_any_moment_leaves_only_complete_versions(
    exported: Path, root: Path
) -> None:
    (exported / "variables" / "large").write_bytes(os.urandom(2_000_000))
    context = multiprocessing.get_context("spawn")
    for delay_s in (0.01, 0.05, 0.013, 0.037, 0.021):
        process = context.Process(target=publish_forever, args=(exported, root))
        process.start()
        before = len(list_versions(root))
        while len(list_versions(root)) == before:
            assert process.is_alive()
            time.sleep(0.005)
        time.sleep(delay_s)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    versions = list_versions(root)
    assert len(versions) >= 5
    for number in versions:
        verify(root / str(number))


def test_a_version_gets_the_number_under_which_it_was_uploaded(exported: Path, root: Path) -> None:
    uploaded = []

    def upload(directory: Path, number: int) -> int:
        verify(directory)
        uploaded.append(number)
        return number + 4

    publish(exported, root, sample_draft())
    assert publish(exported, root, sample_draft(), upload) == 6
    assert uploaded == [2]
    assert list_versions(root) == [1, 6]


def test_nothing_is_published_if_the_upload_fails(exported: Path, root: Path) -> None:
    def upload(directory: Path, number: int) -> int:
        raise OSError("the store is gone")

    with pytest.raises(OSError, match="the store is gone"):
        publish(exported, root, sample_draft(), upload)
    assert [path.name for path in root.iterdir()] == [".lock"]


def test_the_sync_service_may_copy_an_uploaded_version_first(exported: Path, root: Path) -> None:
    def upload(directory: Path, number: int) -> int:
        shutil.copytree(directory, root / str(number))
        return number

    assert publish(exported, root, sample_draft(), upload) == 1
    verify(root / "1")
    assert {path.name for path in root.iterdir()} == {".lock", "1"}
