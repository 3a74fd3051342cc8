"""Uploads to a real S3 server, SeaweedFS, and from there to the inference service."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import list_versions, publish, read_manifest, verify
from shared.versions.object_store import ObjectChanged, ObjectStore, StoreError
from shared.versions.training_status import read_training_status
from shared.versions.version_index import INDEX, VersionIndex, read_index, serialise_index
from shared.versions.version_mirror import VersionMirror
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import publish_fake
from tests.object_stores import (
    CREDENTIALS,
    Faults,
    edit_json,
    lying_proxy,
    needs_s3,
    running_s3,
)
from tests.serving import eventually, running
from tests.shared.sample_manifest import sample_draft
from trainer.publishing.status_upload import uploading_status
from trainer.publishing.upload import Uploader
from trainer.settings import TrainerSettings

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, needs_s3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_s3(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def url(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the URL of an empty place in a bucket; the environment has the credentials."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    return f"s3://bucket/{tmp_path.name}"


@pytest.fixture
def behind_proxy(
    server: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ObjectStore, Faults]]:
    """Yield the store as it is read through a proxy, and what the proxy does."""
    with lying_proxy(server) as (address, faults):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield ObjectStore(url, retry_s=0.5), faults
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)


def write_report(volume: Path, text: str) -> Path:
    """Write the report of an audit to a models volume."""
    report = volume / "audits/forum/report.html"
    report.parent.mkdir(parents=True)
    report.write_text(text)
    return report


def train(url: str, volume: Path, name: str = "model") -> int:
    """Publish a version as a trainer with a models volume does; return its number."""
    source = volume.with_name(f"source-{volume.name}")
    shutil.rmtree(source, ignore_errors=True)
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables/data").write_bytes(name.encode() * 1_500_000)  # in several parts
    uploader = Uploader(ObjectStore(url), volume)
    draft = sample_draft(training_fingerprint=name)
    return publish(source, volume / "captcha", draft, uploader.upload)


def test_an_uploaded_version_is_activated_by_a_replica_of_another_node(
    url: str, tmp_path: Path
) -> None:
    trainer, node = tmp_path / "trainer", tmp_path / "node"
    published = publish_fake(tmp_path / "trained/captcha", CaptchaSpec())
    draft = read_manifest(published)
    (published / "manifest.json").unlink()
    uploader = Uploader(ObjectStore(url), trainer)
    uploader.prepare()
    fields = draft.model_dump(exclude={"files"})
    version = publish(published, trainer / "captcha", sample_draft(**fields), uploader.upload)
    write_report(trainer, "<p>weak</p>")
    uploader.upload_audits()

    command = [sys.executable, "-m", "inference_service.sync"]
    environment = {**os.environ, "MODELS_URL": url, "MODELS_DIR": str(node), "SYNC_POLL_S": "0.1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as sync:
        store = ModelStore(node / "captcha", load_band_engine)
        with running(create_app(Settings.load(model_poll_s=0.05), store)) as client:
            try:
                eventually(
                    lambda: client.get("/ready").status_code == httpx.codes.OK, 30, "no version"
                )
                eventually(lambda: client.get("/audits").json()["audits"], 10, "no audit")
                # Written last.
                eventually(lambda: client.get("/model").json()["sync"], 10, "no status of the copy")
                model = client.get("/model").json()
            finally:
                sync.terminate()
    assert (model["version"], model["source"]) == (version, "volume")
    assert model["sync"]["problems"] == []
    assert (node / "audits/forum/report.html").read_text() == "<p>weak</p>"


def test_trainers_that_publish_at_once_get_different_numbers(url: str, tmp_path: Path) -> None:
    names = [f"trainer-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        numbers = list(pool.map(lambda name: train(url, tmp_path / name, name), names))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    node = tmp_path / "node"
    assert VersionMirror(ObjectStore(url), node).run_once() == []
    for name, number in zip(names, numbers, strict=True):
        for volume in (node, tmp_path / name):
            manifest = verify(volume / "captcha" / str(number))
            assert manifest.training_fingerprint == name


def test_a_trainer_continues_after_the_versions_of_its_volume_and_of_the_store(
    url: str, tmp_path: Path
) -> None:
    assert [train(url, tmp_path / "a") for _ in range(2)] == [1, 2]
    assert train(url, tmp_path / "b") == 3
    assert list_versions(tmp_path / "b/captcha") == [3]
    (tmp_path / "c/captcha/7").mkdir(parents=True)
    assert train(url, tmp_path / "c") == 8


def test_before_a_training_the_versions_of_other_trainers_are_copied(
    url: str, tmp_path: Path
) -> None:
    train(url, tmp_path / "a")
    Uploader(ObjectStore(url), tmp_path / "b").prepare()
    assert list_versions(tmp_path / "b/captcha") == [1]


def test_a_new_store_has_an_index_from_the_start_of_the_first_training(
    url: str, tmp_path: Path
) -> None:
    Uploader(ObjectStore(url), tmp_path / "a").prepare()
    assert VersionMirror(ObjectStore(url), tmp_path / "node").run_once() == []
    train(url, tmp_path / "a")
    Uploader(ObjectStore(url), tmp_path / "b").prepare()
    assert list(read_index(ObjectStore(url))[0].versions) == [1]


@pytest.mark.parametrize("failing", ["variables/data", "manifest.json", "index.json"])
def test_an_upload_that_fails_publishes_nothing_anywhere(
    url: str, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: str
) -> None:
    train(url, tmp_path / "a")
    with lying_proxy(server) as (address, faults):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        store = ObjectStore(url, retry_s=0.2)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        faults.refused.add(failing)
        source = tmp_path / "source-a"
        with pytest.raises(StoreError, match="cannot be reached or answers with an error"):
            publish(
                source,
                tmp_path / "a/captcha",
                sample_draft(),
                Uploader(store, tmp_path / "a").upload,
            )
    assert list_versions(tmp_path / "a/captcha") == [1]
    index, _ = read_index(ObjectStore(url))
    assert list(index.versions) == [1]
    # The number is lost; the next version has a higher one.
    assert train(url, tmp_path / "a") == 3


def test_wrong_credentials_end_a_training_before_it_starts(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    uploader = Uploader(ObjectStore(url), tmp_path)
    with pytest.raises(StoreError, match="refuses access: check the credentials"):
        uploader.prepare()


def test_pruned_versions_are_deleted_from_the_store(url: str, tmp_path: Path) -> None:
    for _ in range(2):
        train(url, tmp_path / "a")
    store = ObjectStore(url)
    Uploader(store, tmp_path / "a").remove([1, 9])
    index, _ = read_index(store)
    assert list(index.versions) == [2]
    for name in ("manifest.json", "saved_model.pb", "variables/data"):
        with pytest.raises(StoreError, match="not in the store"):
            store.read(f"captcha/1/{name}", 10_000_000)


def test_a_withdrawn_version_is_deleted_on_every_node_and_its_number_is_not_used_again(
    url: str, tmp_path: Path
) -> None:
    for _ in range(2):
        train(url, tmp_path / "a")
    nodes = [VersionMirror(ObjectStore(url), tmp_path / name) for name in ("a", "b")]
    for node in nodes:
        node.run_once()
    command = [sys.executable, "-m", "trainer.publishing.withdraw", "2"]
    environment = {**os.environ, "MODELS_URL": url}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == "version 2 is withdrawn: each volume deletes it at its next check\n"
    for node, name in zip(nodes, ("a", "b"), strict=True):
        node.run_once()
        assert list_versions(tmp_path / name / "captcha") == [1]
    assert train(url, tmp_path / "a") == 3


def test_a_version_that_was_withdrawn_before_the_next_check_is_deleted_where_it_was_published(
    url: str, tmp_path: Path
) -> None:
    volume = tmp_path / "a"
    uploader = Uploader(ObjectStore(url), volume)
    for number in (1, 2):
        assert train(url, volume) == number
        uploader.record(number)
    uploader.withdraw(2)
    uploader.prepare()
    assert list_versions(volume / "captcha") == [1]


def test_a_version_that_the_store_does_not_have_cannot_be_withdrawn(
    url: str, tmp_path: Path
) -> None:
    train(url, tmp_path / "a")
    uploader = Uploader(ObjectStore(url), tmp_path / "a")
    with pytest.raises(StoreError, match=r"^the store does not have it; its versions are: 1$"):
        uploader.withdraw(17)
    assert train(url, tmp_path / "a") == 2


def test_the_status_of_a_training_is_uploaded_while_it_runs_and_at_its_end(
    url: str, tmp_path: Path
) -> None:
    store, status = ObjectStore(url), tmp_path / "training.json"

    def stored() -> bytes:
        try:
            return store.read("training.json", 1_000).content
        except StoreError:
            return b""

    with uploading_status(store, tmp_path, interval_s=0.05):
        status.write_bytes(b"first")
        eventually(lambda: stored() == b"first", 10, "no status")
    with uploading_status(store, tmp_path, interval_s=60):
        status.write_bytes(b"last")
    assert stored() == b"last"


def test_audits_are_uploaded_when_they_change(url: str, tmp_path: Path) -> None:
    store, directory = ObjectStore(url), tmp_path / "audits/forum"
    uploader = Uploader(store, tmp_path)
    directory.mkdir(parents=True)
    (tmp_path / "audits/not a name").mkdir()
    for text in ("first", "second"):
        (directory / "report.html").write_text(text)
        (directory / "results.json").write_text("{}")
        uploader.upload_audits()
        index, tag = read_index(store)
        assert list(index.audits) == ["forum"]
        assert list(index.audits["forum"]) == ["report.html", "results.json"]
        assert store.read("audits/forum/report.html", 100).content == text.encode()
    uploader.upload_audits()
    assert read_index(store)[1] == tag


def test_a_report_whose_upload_failed_is_uploaded_before_the_next_training(
    url: str, tmp_path: Path
) -> None:
    uploader = Uploader(ObjectStore(url), tmp_path)
    report = write_report(tmp_path, "first")
    uploader.upload_audits()
    report.write_text("second")
    uploader.prepare()
    assert report.read_text() == "second"
    assert ObjectStore(url).read("audits/forum/report.html", 100).content == b"second"


def test_a_copied_report_does_not_replace_a_newer_one(url: str, tmp_path: Path) -> None:
    a, b = (Uploader(ObjectStore(url), tmp_path / name) for name in ("a", "b"))
    report = write_report(tmp_path / "a", "first")
    a.upload_audits()
    b.prepare()
    report.write_text("second")
    a.upload_audits()
    b.upload_audits()
    assert ObjectStore(url).read("audits/forum/report.html", 100).content == b"second"


def test_an_uploaded_report_does_not_replace_a_newer_one_of_another_trainer(
    url: str, tmp_path: Path
) -> None:
    for name, text in (("a", "first"), ("b", "second")):
        write_report(tmp_path / name, text)
        Uploader(ObjectStore(url), tmp_path / name).upload_audits()
    Uploader(ObjectStore(url), tmp_path / "a").prepare()
    assert (tmp_path / "a/audits/forum/report.html").read_text() == "second"
    assert ObjectStore(url).read("audits/forum/report.html", 100).content == b"second"


def test_a_copied_report_that_the_store_has_lost_is_uploaded_again(
    url: str, tmp_path: Path
) -> None:
    uploader = Uploader(ObjectStore(url), tmp_path)
    write_report(tmp_path, "first")
    uploader.prepare()
    ObjectStore(url).delete(INDEX)
    uploader.upload_audits()
    assert list(read_index(ObjectStore(url))[0].audits) == ["forum"]


def test_an_index_that_no_reader_accepts_is_not_written(url: str, tmp_path: Path) -> None:
    store = ObjectStore(url)
    full = VersionIndex(audits={str(number): {} for number in range(1_000)})
    store.create(INDEX, serialise_index(full))
    write_report(tmp_path, "one more")
    uploader = Uploader(store, tmp_path)
    with pytest.raises(StoreError, match=r"^captcha/index.json would be invalid: audits: .* 1000"):
        uploader.upload_audits()
    assert read_index(store)[0] == full
    uploader.prepare()  # a training is possible nevertheless


def test_the_trainer_uploads_its_status_and_the_audits_even_if_the_training_fails(
    url: str, tmp_path: Path
) -> None:
    write_report(tmp_path, "<p>weak</p>")
    environment = {
        **os.environ,
        "MODELS_URL": url,
        "MODELS_DIR": str(tmp_path),
        "DATA_DIR": str(tmp_path / "data"),
        "GENERATOR_URL": "http://127.0.0.1:9",
        "GENERATOR_TIMEOUT_S": "0",
    }
    command = [sys.executable, "-m", "trainer"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == os.EX_TEMPFAIL, result.stderr
    assert "Traceback" not in result.stderr
    assert VersionMirror(ObjectStore(url), tmp_path / "node").run_once() == []
    status = read_training_status(tmp_path / "node")
    assert status
    assert status.state == "failed"
    assert (tmp_path / "node/audits/forum/report.html").read_text() == "<p>weak</p>"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"tamper": {"2/variables": lambda body: body[:-1]}}, "bytes, not"),
        ({"tamper": {"2/saved_model": lambda _: b"other"}}, "its SHA-256 differs"),
        ({"tamper": {"2/manifest": edit_json(files={})}}, "not the one that the index lists"),
        ({"cut": {"2/variables"}}, "cannot be reached or answers with an error"),
        ({"missing": {"2/variables"}}, "variables/data is not in the store"),
        ({"failing": {"2/variables"}}, "cannot be reached or answers with an error"),
    ],
)
def test_a_store_that_lies_or_fails_leaves_the_last_good_version(
    url: str,
    behind_proxy: tuple[ObjectStore, Faults],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: dict,
    sentence: str,
) -> None:
    store, faults = behind_proxy
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    for _ in range(2):
        train(url, tmp_path / "a")
    for name, value in fault.items():
        getattr(faults, name).update(value)
    mirror = VersionMirror(store, tmp_path / "node")
    (problem,) = mirror.run_once()
    assert problem.startswith("version 2 was not copied: ")
    assert sentence in problem
    assert list_versions(tmp_path / "node/captcha") == [1]
    for name in fault:
        getattr(faults, name).clear()
    assert mirror.run_once() == []
    assert list_versions(tmp_path / "node/captcha") == [1, 2]


def test_only_one_of_many_writers_creates_or_replaces_an_object(url: str) -> None:
    """The numbers and the index depend on this."""
    store = ObjectStore(url)
    start = threading.Barrier(16)

    def write(number: int, tag: dict | None) -> bool:
        start.wait()
        try:
            if tag is None:
                store.create("object", b"%d" % number)
            else:
                store.write("object", b"new %d" % number, tag)
        except ObjectChanged:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda number: write(number, None), range(16))) == 1
        tag = store.read("object", 100).tag
        assert sum(pool.map(lambda number: write(number, tag), range(16))) == 1


class ForgetfulStore:
    """A store that ignores conditions."""

    def __init__(self) -> None:
        self.objects = {"captcha/index.json": VersionIndex().model_dump_json().encode()}

    def create(self, name: str, content: bytes) -> None:
        self.objects[name] = content

    def write(self, name: str, content: bytes | Path, replaces: object = None) -> None:
        self.objects[name] = content if isinstance(content, bytes) else content.read_bytes()

    def read(self, name: str, max_bytes: int) -> object:
        from shared.versions.object_store import StoredObject

        return StoredObject(self.objects[name], {})


def test_a_store_that_ignores_conditions_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"graph")
    store = ForgetfulStore()
    with caplog.at_level(logging.WARNING):
        publish(source, tmp_path / "captcha", sample_draft(), Uploader(store, tmp_path).upload)
    assert "publish from one trainer at a time" in caplog.text
    assert list(json.loads(store.objects["captcha/index.json"])["versions"]) == ["1"]


def test_without_a_url_nothing_is_uploaded() -> None:
    assert Uploader.from_settings(TrainerSettings.load()) is None
