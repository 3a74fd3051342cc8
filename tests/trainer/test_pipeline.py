"""The pipeline around a training: locks, space, the quality gate and publishing."""

from __future__ import annotations

import logging
import re
import shutil
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import list_versions, publish, verify
from shared.versions.manifest import IMAGE_FOLDER_KEY, Manifest
from shared.versions.object_store import StoreError
from shared.versions.training_status import TrainingStatus, read_training_status
from tests.conftest import SPEC, TINY
from tests.shared.sample_manifest import sample_draft, sample_metrics
from tests.trainer.conftest import ALONE, FOLDER_SPEC, OFFLINE, change
from trainer import pipeline
from trainer.config import TrainingConfig
from trainer.data.dataset_requests import CaptchaSource, list_requests
from trainer.data.generator_client import GeneratorClient
from trainer.data.image_folder import read_image_folder
from trainer.data.splits import IMAGE_FOLDER
from trainer.directory_lock import lock_directory
from trainer.errors import (
    DirectoryLockedError,
    DiskSpaceError,
    GeneratorError,
    QualityGateError,
    TrainingError,
)
from trainer.evaluation import learning_curve
from trainer.pipeline import (
    Workspace,
    find_published,
    log_learning_curve,
    run,
)
from trainer.training_fingerprints import Fingerprints, compute_fingerprints

SOURCE = CaptchaSource(SPEC, {}, "renderer")
FOLDER_SOURCE = CaptchaSource(FOLDER_SPEC, {IMAGE_FOLDER_KEY: "digest"}, "")


@dataclass
class FakeUploader:
    """An uploader to a store that has six versions."""

    fails: bool
    prepared: int = 0
    recorded: list[int] = field(default_factory=list)

    def prepare(self) -> None:
        self.prepared += 1

    def upload(self, directory: Path, number: int) -> int:
        if self.fails:
            raise StoreError("the store is gone")
        verify(directory)
        return max(number, 7)

    def record(self, version: int) -> None:
        self.recorded.append(version)

    def remove(self, versions: list[int]) -> None:
        assert versions == []


@dataclass(frozen=True)
class Trainer:
    """Runs the pipeline without a generator in a directory of its own."""

    directory: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.directory / "models" / "captcha", self.directory / "runs")

    @property
    def status(self) -> TrainingStatus:
        status = read_training_status(self.directory / "models")
        assert status is not None
        return status

    @property
    def versions(self) -> list[int]:
        return list_versions(self.workspace.models)

    @property
    def checkpoints(self) -> list[str]:
        return sorted(path.name for path in self.workspace.runs.rglob("epoch-*"))

    def run(
        self,
        config: TrainingConfig,
        image_folder: Path | None,
        uploader: FakeUploader | None = None,
    ) -> None:
        http = httpx.Client(base_url="http://generator", transport=OFFLINE)
        client = GeneratorClient(http, self.directory / "data")
        run(config, image_folder, replace(self.workspace, uploader=uploader), client, 0.0)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    return Trainer(tmp_path)


@pytest.fixture(scope="module")
def rejected(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    """Return the directory of a trainer whose model has failed the quality gate."""
    directory = tmp_path_factory.mktemp("rejected")
    with pytest.raises(QualityGateError, match=r"captchas below the required 100\.00%$"):
        Trainer(directory).run(ALONE, image_folder)
    return directory


@pytest.fixture
def resuming(tmp_path: Path, rejected: Path) -> Trainer:
    """Return a trainer that resumes after the last epoch, so that it publishes in seconds."""
    return Trainer(Path(shutil.copytree(rejected, tmp_path / "resuming")))


def fake_version(
    models: Path,
    training_fingerprint: str,
    accuracy: float = 0.99,
    spec: CaptchaSpec | None = None,
    renderer: Mapping[str, object] | None = None,
) -> int:
    """Publish a version without a training and return its number."""
    source = models.parent / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"model")
    metrics = sample_metrics(accuracy=accuracy)
    draft = sample_draft(
        training_fingerprint=training_fingerprint,
        spec=(spec or SPEC).to_dict(),
        renderer=renderer or {"captcha": "0.7.1"},
        metrics=metrics,
    )
    return publish(source, models, draft)


def fingerprints_of(config: TrainingConfig, image_folder: Path) -> Fingerprints:
    """Return the fingerprints of a training on an image folder alone."""
    folder = read_image_folder(image_folder, None)
    spec = folder.spec.fingerprint
    data = {"spec": spec, "renderer": "", "image_folder": folder.fingerprint, "bundled": ""}
    return compute_fingerprints(config, data)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "the learning curve was stopped"),
        (TrainingError("no memory"), "the learning curve could not be measured: no memory"),
    ],
)
def test_a_learning_curve_that_fails_does_not_end_a_published_training(
    error: BaseException,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(learning_curve, "measure_learning_curve", fail)
    with caplog.at_level(logging.INFO):
        log_learning_curve(TINY, None, 0.9)  # type: ignore[arg-type] # not used before the error
    assert caplog.messages[-1] == message


def test_a_training_without_captchas_and_without_images_is_an_error(trainer: Trainer) -> None:
    message = r"^captchas is 0 and there is no image folder: nothing to train on$"
    with pytest.raises(TrainingError, match=message):
        trainer.run(ALONE, None)
    assert [path.name for path in trainer.directory.iterdir()] == ["models"]
    assert trainer.status.state == "failed"
    assert (
        trainer.status.reason == "captchas is 0 and there is no image folder: nothing to train on"
    )


def test_the_size_of_an_image_folder_is_checked_before_the_training(
    trainer: Trainer, image_folder: Path
) -> None:
    with pytest.raises(TrainingError, match="target_accuracy needs 5000 validation images"):
        trainer.run(change(ALONE, target_accuracy=0.9), image_folder)
    assert [path.name for path in trainer.directory.iterdir()] == ["models"]
    assert trainer.versions == []


def test_another_network_than_that_of_the_bundled_model_is_an_error_before_the_training(
    trainer: Trainer, image_folder: Path
) -> None:
    message = "^the bundled model has the network medium, not compact; .* set TRAIN_INIT=scratch$"
    with pytest.raises(TrainingError, match=message):
        trainer.run(change(ALONE, init="bundled"), image_folder)
    assert [path.name for path in trainer.directory.iterdir()] == ["models"]


# Locks, space and published versions


@pytest.mark.slow
def test_a_training_is_run_by_one_process_at_a_time(resuming: Trainer, image_folder: Path) -> None:
    (directory,) = resuming.workspace.runs.iterdir()
    message = r"^a training with these settings is already running$"
    with lock_directory(directory, ""), pytest.raises(DirectoryLockedError, match=message):
        resuming.run(ALONE, image_folder)
    assert resuming.versions == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("spare_bytes", "error", "message"),
    [
        (-1, DiskSpaceError, r"/runs/\S+ has 205 MB free, and this training needs 205 MB$"),
        (0, GeneratorError, "rejects the request: 404"),  # captchas are requested
    ],
)
def test_too_little_disk_space_is_an_error_before_captchas_are_requested(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spare_bytes: int,
    error: type[Exception],
    message: str,
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        body = {
            "spec": SPEC.to_dict(),
            "fingerprint": SPEC.fingerprint,
            "renderer": {},
            "renderer_fingerprint": "0123456789abcdef",
        }
        return httpx.Response(404 if request.url.path == "/internal/dataset" else 200, json=body)

    http = httpx.Client(base_url="http://generator", transport=httpx.MockTransport(respond))
    client = GeneratorClient(http, tmp_path / "data")
    source = client.wait_ready(0)
    free = 200_000_000 + sum(map(client.count_missing_bytes, list_requests(TINY, source)))
    usage = Usage(2 * free, free, free + spare_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    workspace = Workspace(tmp_path / "models", tmp_path / "runs")
    with pytest.raises(error, match=message):
        run(TINY, None, workspace, client, 0.0)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (SPEC, "4of10-160x60"),
        (CaptchaSpec(string.ascii_letters, 6, 200, 80, min_length=4), "4to6of52-200x80"),
    ],
)
def test_a_spec_is_described_by_length_charset_and_size(spec: CaptchaSpec, name: str) -> None:
    assert pipeline._describe_spec(spec) == name


def test_without_versions_nothing_is_found(tmp_path: Path) -> None:
    assert find_published(tmp_path / "models", SOURCE, "a", 0.5) is None


def test_the_latest_version_is_found_if_it_was_trained_with_the_same_settings(
    tmp_path: Path,
) -> None:
    models = tmp_path / "models"
    fake_version(models, "a")
    assert find_published(models, SOURCE, "a", 0.5) == 1
    fake_version(models, "b")
    assert find_published(models, SOURCE, "b", 0.5) == 2
    # The settings were changed back: the older version is not the active one.
    assert find_published(models, SOURCE, "a", 0.5) is None


def test_a_version_for_other_captchas_of_the_generator_is_passed_over(tmp_path: Path) -> None:
    """The service passes over it too when the generator is changed back."""
    models = tmp_path / "models"
    fake_version(models, "a")
    fake_version(models, "b", spec=CaptchaSpec("ab"))
    assert find_published(models, SOURCE, "a", 0.5) == 1


def test_a_version_of_an_image_folder_is_active_for_all_captchas(tmp_path: Path) -> None:
    models = tmp_path / "models"
    fake_version(models, "a")
    fake_version(models, "b", spec=FOLDER_SPEC, renderer=FOLDER_SOURCE.renderer)
    assert find_published(models, SOURCE, "a", 0.5) is None
    assert find_published(models, FOLDER_SOURCE, "b", 0.5) == 2
    fake_version(models, "a")
    # The latest version predicts now, and the images need one of their own again.
    assert find_published(models, FOLDER_SOURCE, "b", 0.5) is None


def test_a_damaged_version_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    fake_version(models, "a")
    fake_version(models, "b")
    (models / "2" / "saved_model.pb").write_bytes(b"")
    assert find_published(models, SOURCE, "a", 0.5) == 1
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("version 2 is ignored: saved_model.pb has 0 bytes")


def test_a_version_that_fails_the_quality_gate_is_not_trained_again(tmp_path: Path) -> None:
    models = tmp_path / "models"
    fake_version(models, "a", accuracy=0.9)
    assert find_published(models, SOURCE, "a", 0.9) == 1
    message = r"^version 1 was trained with these settings: .* below the required 95\.00%$"
    with pytest.raises(QualityGateError, match=message):
        find_published(models, SOURCE, "a", 0.95)


def test_a_published_training_is_not_repeated(
    trainer: Trainer, image_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = change(ALONE, min_accuracy=0.5)
    fingerprints = fingerprints_of(config, image_folder)
    fake_version(trainer.workspace.models, fingerprints.training)
    moved = Path(shutil.copytree(image_folder, tmp_path / "moved"))
    with caplog.at_level(logging.INFO):
        trainer.run(config, moved)
    assert "version 1 was trained with these settings: nothing to do" in caplog.messages
    assert trainer.versions == [1]
    status = trainer.status
    assert status.state == "unchanged"
    assert status.reason == "version 1 was trained with these settings"
    assert status.spec == FOLDER_SPEC.to_dict()
    (directory,) = trainer.workspace.runs.iterdir()
    assert directory.name == f"2to3of3-80x40-compact-{fingerprints.run}"


def test_a_version_that_another_trainer_has_just_published_is_not_repeated(
    trainer: Trainer, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = change(ALONE, min_accuracy=0.5)

    def publish_meanwhile(models: Path) -> None:
        fake_version(models, fingerprints_of(config, image_folder).training)

    monkeypatch.setattr(pipeline, "check_writable", publish_meanwhile)
    trainer.run(config, image_folder)
    assert trainer.versions == [1]


def test_nothing_is_trained_if_nothing_can_be_published(
    trainer: Trainer, image_folder: Path
) -> None:
    (trainer.workspace.models / ".lock").mkdir(parents=True)
    with pytest.raises(OSError, match="lock"):
        trainer.run(ALONE, image_folder)
    assert [path.name for path in trainer.directory.iterdir()] == ["models"]


# Training and publishing


@pytest.mark.slow
def test_a_model_that_fails_the_quality_gate_is_not_published_and_keeps_its_checkpoint(
    rejected: Path,
) -> None:
    trainer = Trainer(rejected)
    assert trainer.versions == []
    assert trainer.checkpoints == ["epoch-00001.npz"]
    status = trainer.status
    assert status.state == "rejected"
    assert status.reason is not None
    assert status.reason.endswith("captchas below the required 100.00%")
    assert (status.epoch, status.epochs, status.version) == (1, 1, None)
    assert status.progress is None
    assert len(status.samples) == 8
    assert len(status.epochs_done) == 1
    assert str(rejected) not in status.model_dump_json()


@pytest.mark.slow
def test_a_resumed_training_is_published_and_its_checkpoints_are_deleted(
    resuming: Trainer, image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = change(ALONE, min_accuracy=0.0)
    with caplog.at_level(logging.INFO):
        resuming.run(config, image_folder)
    assert "resuming after epoch 1" in caplog.messages
    assert any(message.startswith("data ready after ") for message in caplog.messages)
    assert "network compact, 91,106 parameters" in caplog.messages
    assert caplog.messages[-1].startswith("version 1 published after ")
    assert "s: exact-match accuracy " in caplog.messages[-1]
    assert resuming.versions == [1]
    assert resuming.checkpoints == []
    status = resuming.status
    assert (status.state, status.version, status.reason) == ("published", 1, None)
    assert [epoch.epoch for epoch in status.epochs_done] == [1]
    check_manifest(verify(resuming.workspace.models / "1"), config, image_folder)


def check_manifest(manifest: Manifest, config: TrainingConfig, image_folder: Path) -> None:
    folder = read_image_folder(image_folder, None)
    assert manifest.captcha_spec == FOLDER_SPEC
    assert manifest.training_fingerprint == fingerprints_of(config, image_folder).training
    assert manifest.config == config.model_dump(mode="json")
    assert manifest.renderer == {"image_folder": folder.fingerprint}
    assert set(manifest.libraries) == {
        "keras", "numpy", "pillow", "tensorflow", "python", "platform"
    }  # fmt: skip
    assert manifest.libraries["platform"] == sys.platform
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", manifest.created)
    metrics = manifest.metrics
    assert metrics.n == len(folder.split()["test"])
    assert list(metrics.by_subset) == [IMAGE_FOLDER]
    assert metrics.by_subset[IMAGE_FOLDER].n == metrics.n
    assert metrics.epochs == 1
    assert metrics.stop_reason == "all 1 epochs are done"
    assert metrics.parameters == 91_106
    images = len(folder.split()["train"])
    steps = -(-images * round(config.folder_epoch_captchas / images) // 64)
    assert metrics.images_per_s == pytest.approx(steps * 64 / metrics.training_s, rel=0.1)
    assert np.shape(manifest.golden.probabilities) == (3, 4)
    assert metrics.calibration is not None
    assert metrics.comparison is None
    written = {
        "saved_model.pb",
        "model.keras",
        "history.csv",
        "curves.png",
        "gallery.png",
        "confusions.png",
    }
    assert written | {"reliability.png"} < set(manifest.files)


@pytest.mark.slow
def test_a_version_that_cannot_be_uploaded_is_published_by_the_next_run(
    resuming: Trainer, image_folder: Path
) -> None:
    config = change(ALONE, min_accuracy=0.0)
    uploader = FakeUploader(fails=True)
    with pytest.raises(StoreError, match="the store is gone"):
        resuming.run(config, image_folder, uploader)
    assert resuming.versions == []
    assert resuming.checkpoints
    assert resuming.status.state == "failed"
    uploader.fails = False
    resuming.run(config, image_folder, uploader)
    assert resuming.versions == [7]
    assert uploader.prepared == 2
    assert uploader.recorded == [7]
    assert resuming.checkpoints == []


@pytest.mark.slow
def test_a_model_that_is_worse_than_the_best_version_is_rejected_once(
    tmp_path: Path,
    generator: httpx.Client,
    models: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer = Trainer(tmp_path)
    shutil.copytree(models / "1", trainer.workspace.models / "1")
    client = GeneratorClient(generator, tmp_path / "data")

    def train(config: TrainingConfig) -> str:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            run(config, None, trainer.workspace, client, 10.0)
        return "\n".join(caplog.messages)

    messages = train(TINY)
    assert "percentage points compared with version 1" in messages
    assert "the new model is not published: it is worse than version 1" in messages
    assert trainer.versions == [1]
    assert trainer.checkpoints == []
    assert trainer.status.state == "rejected"
    sentence = trainer.status.reason
    assert sentence is not None
    assert "percentage points compared with version 1" in sentence
    assert trainer.status.captchas_fetched == trainer.status.captchas_wanted == 502

    messages = train(TINY)
    assert "nothing to do: this training was rejected before: -" in messages
    assert "data ready" not in messages
    assert trainer.status.state == "rejected"
    assert trainer.status.reason == sentence
    assert trainer.status.captchas_fetched == 502

    messages = train(change(TINY, publish_worse=True))  # which was rejected
    assert "version 2 published" in messages
    manifest = verify(trainer.workspace.models / "2")
    assert manifest.metrics.comparison is not None
    assert manifest.metrics.comparison.reference_version == 1
    assert manifest.metrics.comparison.lost > 50

    # Version 2 is the latest, but the next one is compared with the best.
    messages = train(change(TINY, seed=3))
    assert "the new model is not published: it is worse than version 1" in messages


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_deleted_is_a_warning(
    resuming: Trainer,
    image_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from trainer.training.checkpoints import CheckpointStore

    def fail(_: CheckpointStore) -> None:
        raise OSError("the disk is read-only")

    monkeypatch.setattr(CheckpointStore, "clear", fail)
    resuming.run(change(ALONE, min_accuracy=0.0), image_folder)
    assert resuming.versions == [1]
    message = "cleaning up after the training failed: the disk is read-only"
    assert message in caplog.messages


@pytest.mark.slow
def test_a_training_that_ran_out_of_time_keeps_its_checkpoints(
    trainer: Trainer, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.training.training_log import TrainingLog

    def elapsed_s(log: TrainingLog) -> float:
        return 60.0 * log.step / log.history.steps_per_epoch

    monkeypatch.setattr(TrainingLog, "elapsed_s", property(elapsed_s))
    trainer.run(change(ALONE, epochs=1_000, max_minutes=2.0, min_accuracy=0.0), image_folder)
    assert trainer.versions == [1]
    assert trainer.checkpoints == ["epoch-00001.npz", "epoch-00002.npz"]
