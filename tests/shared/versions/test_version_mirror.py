"""The mirror reads a web server, whose answers are damaged in many ways."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import KEPT_VERSIONS, list_versions, publish, verify
from shared.versions.object_store import ObjectStore
from shared.versions.sync_status import SYNC_STATUS, read_sync_status
from shared.versions.training_status import (
    TrainingStatus,
    read_training_status,
    write_training_status,
)
from shared.versions.version_download import MirrorLimits
from shared.versions.version_index import VersionIndex
from shared.versions.version_mirror import VersionMirror
from tests.object_stores import Faults, edit_json, lying_proxy, record, serving_directory
from tests.shared.sample_manifest import sample_draft

LIMITS = MirrorLimits(version_bytes=10_000, version_s=30, spare_bytes=0)


class Site:
    """A web server with versions, as a trainer would upload them."""

    def __init__(self, directory: Path, address: str, faults: Faults) -> None:
        self.directory, self.address, self.faults = directory, address, faults
        self.index = VersionIndex()

    def publish(self, **changes: object) -> int:
        source = self.directory / "source"
        shutil.rmtree(source, ignore_errors=True)
        (source / "variables").mkdir(parents=True)
        (source / "saved_model.pb").write_bytes(b"graph of a model")
        (source / "variables" / "data").write_bytes(b"weights of the same model")
        version = publish(source, self.directory / "captcha", sample_draft(**changes))
        self.list_versions()
        return version

    def list_versions(self, **changes: object) -> None:
        """Write the index of what the directory has."""
        versions = {
            number: record((self.directory / f"captcha/{number}/manifest.json").read_bytes())
            for number in list_versions(self.directory / "captcha")
        }
        self.write_index(VersionIndex(**{"versions": versions} | changes))

    def write_index(self, index: VersionIndex) -> None:
        (self.directory / "captcha/index.json").write_text(index.model_dump_json())

    def edit_manifest(self, version: int, **changes: object) -> None:
        """Change a manifest, and list it with its new checksum."""
        path = self.directory / f"captcha/{version}/manifest.json"
        path.write_bytes(edit_json(**changes)(path.read_bytes()))
        self.list_versions()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    directory = tmp_path / "site"
    (directory / "captcha").mkdir(parents=True)
    with serving_directory(directory) as target, lying_proxy(target) as (address, faults):
        yield Site(directory, address, faults)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.fixture
def mirror(site: Site, volume: Path) -> VersionMirror:
    return VersionMirror(ObjectStore(site.address, retry_s=0.2), volume, LIMITS)


def versions_on(volume: Path) -> list[int]:
    """Return the versions on a volume; check that they are complete and alone there."""
    versions = list_versions(volume / "captcha")
    for version in versions:
        verify(volume / "captcha" / str(version))
    names = {path.name for path in (volume / "captcha").iterdir()} - {".lock"}
    assert names == {
        ".mirror.lock", *map(str, versions)
    }  # fmt: skip
    return versions


def test_new_versions_are_copied_once(site: Site, mirror: VersionMirror, volume: Path) -> None:
    site.publish()
    site.publish()
    assert mirror.run_once() == []
    assert versions_on(volume) == [1, 2]
    site.faults.requests.clear()
    assert mirror.run_once() == []
    assert site.faults.requests == ["GET /captcha/index.json", "GET /training.json"]
    status = read_sync_status(volume)
    assert status
    assert (status.problems, status.mirrored) == ((), (1, 2))
    assert datetime.now(UTC) - status.checked < timedelta(seconds=60)


def test_copied_files_are_readable_by_the_other_containers(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    site.publish()
    mirror.run_once()
    directory = volume / "captcha/1"
    assert directory.stat().st_mode & 0o777 == 0o755
    assert (directory / "variables/data").stat().st_mode & 0o777 == 0o644


def truncate(body: bytes) -> bytes:
    return body[:-1]


def extend(body: bytes) -> bytes:
    return body + b"!"


def flip(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


@pytest.mark.parametrize(
    ("pattern", "tamper", "sentence"),
    [
        ("2/saved_model", truncate, "saved_model.pb has 15 bytes, not 16"),
        ("2/saved_model", extend, "more than 16 bytes"),
        ("2/saved_model", flip, "saved_model.pb was changed: its SHA-256 differs"),
        ("2/saved_model", lambda _: b"weights of a mod", "its SHA-256 differs"),
        ("2/saved_model", lambda _: b"", "has 0 bytes"),
        ("2/manifest", flip, "manifest.json is not the one that the index lists"),
        ("2/manifest", truncate, "manifest.json is not the one that the index lists"),
        ("2/manifest", edit_json(files={}), "manifest.json is not the one"),
    ],
)
def test_a_version_with_changed_bytes_is_not_copied_until_they_are_right(
    site: Site, mirror: VersionMirror, volume: Path, pattern: str, tamper: object, sentence: str
) -> None:
    site.publish()
    site.publish()
    site.faults.tamper[pattern] = tamper
    (problem,) = mirror.run_once()
    assert problem.startswith("version 2 was not copied: ")
    assert sentence in problem
    assert versions_on(volume) == [1]
    site.faults.tamper.clear()
    assert mirror.run_once() == []
    assert versions_on(volume) == [1, 2]


RECORD = {"sha256": "0" * 64, "size_bytes": 1}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "does not list saved_model.pb"),
        ({"other": RECORD}, "does not list saved_model.pb"),
        ({"saved_model.pb": RECORD, "../../escaped": RECORD}, "outside the version"),
        ({"saved_model.pb": RECORD, "/tmp/escaped": RECORD}, "outside the version"),
        ({"saved_model.pb": RECORD | {"size_bytes": -1}}, "a negative size"),
        ({"saved_model.pb": RECORD | {"size_bytes": 10_001}}, "at most 10,000 are copied"),
        (
            {"saved_model.pb": RECORD, **{str(n): RECORD for n in range(1_000)}},
            "lists 1,001 files",
        ),
        ({"saved_model.pb": RECORD | {"size_bytes": 16}, "manifest.json": RECORD}, "bytes"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    site: Site, mirror: VersionMirror, volume: Path, files: dict, sentence: str
) -> None:
    site.publish()
    site.edit_manifest(1, files=files)
    (problem,) = mirror.run_once()
    assert sentence in problem
    assert versions_on(volume) == []
    assert not (volume / "escaped").exists()
    assert not (volume.parent / "escaped").exists()


def test_a_file_with_the_name_of_a_directory_is_refused(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    site.publish()
    site.edit_manifest(1, files={"saved_model.pb": RECORD, ".": RECORD})
    assert len(mirror.run_once()) == 1
    assert versions_on(volume) == []


@pytest.mark.parametrize(
    "index",
    [b"", b"<html>please log in</html>", b'{"format": 2}', b'{"versions": {"0": {}}}', b"[]",
     b'{"versions": {"../x": {"sha256": "", "size_bytes": 1}}}'],
)  # fmt: skip
def test_an_invalid_index_changes_nothing(
    site: Site, mirror: VersionMirror, volume: Path, index: bytes
) -> None:
    site.publish()
    mirror.run_once()
    site.faults.tamper["index.json"] = lambda _: index
    (problem,) = mirror.run_once()
    assert "captcha/index.json is invalid" in problem
    assert versions_on(volume) == [1]
    assert read_sync_status(volume).mirrored == (1,)


@pytest.mark.parametrize("kind", ["missing", "empty", "failing", "gone"])
def test_versions_stay_when_the_store_is_empty_or_gone(
    site: Site, mirror: VersionMirror, volume: Path, kind: str
) -> None:
    site.publish()
    mirror.run_once()
    if kind == "missing":
        site.faults.missing.add(".")
    elif kind == "empty":
        site.write_index(VersionIndex())
    elif kind == "failing":
        site.faults.failing.add(".")
    else:
        mirror = VersionMirror(ObjectStore("http://127.0.0.1:9", retry_s=0.1), volume)
    problems = mirror.run_once()
    assert versions_on(volume) == [1]
    assert read_sync_status(volume).mirrored == (1,)
    assert read_sync_status(volume).problems == tuple(problems)
    assert mirror.has_failed == (kind not in {"missing", "empty"})
    if kind == "missing":
        assert problems == ["the store has no index: no trainer has uploaded a version to it"]
    elif kind != "empty":
        assert "the store cannot be reached or answers with an error" in problems[0]
    assert "127.0.0.1" not in (volume / SYNC_STATUS).read_text()


def test_a_download_that_is_cut_off_leaves_nothing(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    site.publish()
    site.faults.cut.add("saved_model")
    assert len(mirror.run_once()) == 1
    assert mirror.has_failed
    assert versions_on(volume) == []


def test_a_download_has_a_time_limit(site: Site, volume: Path) -> None:
    site.publish()
    site.faults.delay_s["saved_model"] = 0.3
    limits = MirrorLimits(version_s=0.1, spare_bytes=0)
    (problem,) = VersionMirror(ObjectStore(site.address), volume, limits).run_once()
    assert problem == "version 1 was not copied: captcha/1/saved_model.pb was not complete in time"
    assert versions_on(volume) == []


def test_a_listed_version_that_is_missing_does_not_hinder_others(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    site.publish()
    site.publish()
    shutil.rmtree(site.directory / "captcha/2")
    site.publish()
    index = VersionIndex.model_validate_json((site.directory / "captcha/index.json").read_bytes())
    versions = index.versions | {7: index.versions[1], 8: index.versions[1]}
    site.write_index(index.model_copy(update={"versions": versions}))
    site.faults.tamper["8/manifest"] = lambda _: b"{}"
    shutil.copytree(site.directory / "captcha/1", site.directory / "captcha/8")
    problems = mirror.run_once()
    assert problems[1] == "version 7 was not copied: captcha/7/manifest.json is not in the store"
    assert versions_on(volume) == [1, 2]


def test_a_volume_without_space_gets_no_version(site: Site, volume: Path) -> None:
    site.publish()
    limits = MirrorLimits(spare_bytes=10**18)
    (problem,) = VersionMirror(ObjectStore(site.address), volume, limits).run_once()
    assert "bytes free" in problem
    assert versions_on(volume) == []


def test_another_version_with_the_same_number_is_kept(
    site: Site, mirror: VersionMirror, volume: Path, tmp_path: Path
) -> None:
    source = tmp_path / "other"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"published here")
    publish(source, volume / "captcha", sample_draft())
    site.publish()
    (problem,) = mirror.run_once()
    assert "the volume has another version with this number, which is kept" in problem
    assert not mirror.has_failed  # the store was asked for nothing, so later checks are not rarer
    assert (volume / "captcha/1/saved_model.pb").read_bytes() == b"published here"


@pytest.mark.parametrize("file", ["saved_model.pb", "manifest.json"])
def test_a_version_that_was_damaged_on_the_volume_is_copied_again_at_the_next_start(
    site: Site, mirror: VersionMirror, volume: Path, file: str
) -> None:
    site.publish()
    mirror.run_once()
    (volume / "captcha/1" / file).write_bytes(b"damaged")
    restarted = VersionMirror(ObjectStore(site.address), volume, LIMITS)
    assert restarted.run_once() == []
    assert restarted.run_once() == []
    assert versions_on(volume) == [1]
    verify(volume / "captcha/1")


def test_a_leftover_that_cannot_be_deleted_stops_no_copy(
    site: Site, mirror: VersionMirror, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise OSError(f"{path} is in use")

    (volume / "captcha/.mirror-old-7").mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", fail)
    site.publish()
    assert mirror.run_once() == []
    verify(volume / "captcha/1")


def test_what_a_killed_download_has_left_is_removed(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    (volume / "captcha/.mirror-1-abcd").mkdir(parents=True)
    site.publish()
    mirror.run_once()
    assert versions_on(volume) == [1]


def test_old_versions_are_deleted_when_the_store_deletes_them_but_never_the_newest(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    other = CaptchaSpec(charset="abc")
    site.publish(spec=other.to_dict())
    for _ in range(KEPT_VERSIONS + 2):
        site.publish()
    mirror.run_once()
    shutil.rmtree(site.directory / "captcha/2")
    site.list_versions()
    mirror.run_once()
    assert versions_on(volume) == [1, 3, 4, 5, 6, 7, 8]
    for version in list_versions(site.directory / "captcha")[:-1]:
        shutil.rmtree(site.directory / f"captcha/{version}")
    site.list_versions()
    mirror.run_once()
    assert versions_on(volume) == [1, 4, 5, 6, 7, 8]


def test_versions_that_did_not_come_from_the_store_are_not_deleted(
    site: Site, mirror: VersionMirror, volume: Path, tmp_path: Path
) -> None:
    source = tmp_path / "other"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"published here")
    for _ in range(KEPT_VERSIONS + 2):
        publish(source, volume / "captcha", sample_draft())
    shutil.copytree(volume / "captcha/7", site.directory / "captcha/7")
    site.list_versions()
    mirror.run_once()
    assert versions_on(volume) == [1, 2, 3, 4, 5, 6, 7]


def test_a_withdrawn_version_is_deleted(site: Site, mirror: VersionMirror, volume: Path) -> None:
    site.publish()
    site.publish()
    mirror.run_once()
    site.list_versions(withdrawn=(2,))
    mirror.run_once()
    assert versions_on(volume) == [1]
    mirror.run_once()
    assert versions_on(volume) == [1]


def test_audit_reports_are_copied_and_replaced(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    report = site.directory / "audits/forum/report.html"
    report.parent.mkdir(parents=True)
    for text in (b"<p>first</p>", b"<p>second</p>"):
        report.write_bytes(text)
        site.list_versions(audits={"forum": {"report.html": record(text)}})
        assert mirror.run_once() == []
        assert (volume / "audits/forum/report.html").read_bytes() == text
    site.faults.tamper["report"] = flip
    site.list_versions(audits={"forum": {"report.html": record(b"<p>third</p>!")}})
    (problem,) = mirror.run_once()
    assert problem.startswith("audits/forum/report.html was not copied")
    assert (volume / "audits/forum/report.html").read_bytes() == b"<p>second</p>"
    assert [path.name for path in (volume / "audits/forum").iterdir()] == ["report.html"]


def test_a_report_that_could_not_be_uploaded_is_kept(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    uploaded, report = (
        site.directory / "audits/forum/report.html",
        volume / "audits/forum/report.html",
    )
    uploaded.parent.mkdir(parents=True)
    uploaded.write_bytes(b"first")
    site.list_versions(audits={"forum": {"report.html": record(b"first")}})
    assert mirror.run_once() == []
    report.write_bytes(b"second, written on this volume")
    (problem,) = mirror.run_once()
    assert problem == (
        "audits/forum/report.html was not copied:"
        " the volume has another audit of this name; delete it to get this one"
    )
    assert report.read_bytes() == b"second, written on this volume"
    assert not mirror.has_failed
    report.unlink()
    assert mirror.run_once() == []
    assert report.read_bytes() == b"first"


def test_an_audit_outside_its_directory_is_refused(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    files = {"report.html": record(b"x").model_dump()}
    index = {"format": 1, "audits": {"../../escaped": files}}
    (site.directory / "captcha/index.json").write_text(json.dumps(index))
    (problem,) = mirror.run_once()
    assert "captcha/index.json is invalid" in problem


def test_the_status_of_the_training_is_copied_unless_the_volume_has_a_newer_one(
    site: Site, mirror: VersionMirror, volume: Path
) -> None:
    site.publish()
    now = datetime.now(UTC).replace(microsecond=0)
    for minutes, epoch, expected in ((0, 1, 1), (1, 2, 2), (-5, 3, 2)):
        status = TrainingStatus(
            state="training",
            started=now,
            updated=now + timedelta(minutes=minutes),
            network="medium",
            init="bundled",
            epochs=4,
            epoch=epoch,
        )
        write_training_status(site.directory, status)
        assert mirror.run_once() == []
        assert read_training_status(volume).epoch == expected
    site.faults.tamper["training.json"] = truncate
    (problem,) = mirror.run_once()
    assert problem.startswith("training.json was not copied: it is invalid")
    assert read_training_status(volume).epoch == 2


def test_a_slow_store_delays_only_the_copy(site: Site, mirror: VersionMirror, volume: Path) -> None:
    site.publish()
    site.faults.delay_s["saved_model"] = 0.2
    started = time.monotonic()
    assert mirror.run_once() == []
    assert time.monotonic() - started >= 0.2
    assert versions_on(volume) == [1]
