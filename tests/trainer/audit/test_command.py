"""The command on image folders whose measurements are done, so that nothing is trained."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shared.captchas.labels import decode
from shared.versions.artifacts import ArtifactError
from tests.trainer.audit.attack.measurements import build_measurement
from tests.trainer.audit.folders import write_images
from trainer.audit.attack.measurement import Measurement, MeasurementStore
from trainer.audit.audit import Audit
from trainer.audit.command import parse_audit
from trainer.audit.options import AuditOptions
from trainer.audit.plan import Task
from trainer.audit.subject import find_subject
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.generator_client import GeneratorClient
from trainer.errors import TrainingError
from trainer.settings import TrainerSettings

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def settings(tmp_path: Path) -> TrainerSettings:
    return TrainerSettings(
        models_dir=tmp_path / "models", data_dir=tmp_path / "data", generator_timeout_s=0
    )


@pytest.fixture
def client(tmp_path: Path) -> GeneratorClient:
    """Return a client whose generator is down."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    http = httpx.Client(base_url="http://generator", transport=httpx.MockTransport(refuse))
    return GeneratorClient(http, tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "our captchas"
    directory.mkdir()
    write_images(directory, 200)
    return directory


def build(folder: Path, client: GeneratorClient, settings: TrainerSettings) -> Audit:
    options = AuditOptions(image_folder=folder, mode="quick")
    return Audit(options, find_subject(options, client, settings), settings.data_dir, sys.stderr)


def store_measurements(audit: Audit, correct: float) -> None:
    """Store all measurements, in which trained attackers predict a fraction of the captchas."""
    store = MeasurementStore(directory_of(audit))
    for task in audit.tasks:
        store.save(task.name, measure(audit, task, correct))


def directory_of(audit: Audit) -> Path:
    return audit.data_dir / "audits" / audit.fingerprint


def measure(audit: Audit, task: Task, correct: float) -> Measurement:
    test = audit.subject.captchas.test
    texts = decode(test.labels, test.spec)
    count = round(correct * len(texts)) if task.labels else 0
    predictions = [*texts[:count], *([""] * (len(texts) - count))]
    return build_measurement(
        texts, predictions, init=task.init, labels=task.labels, steps=task.steps
    )


def test_a_report_and_its_numbers_are_written_to_the_models_volume(
    folder: Path, client: GeneratorClient, settings: TrainerSettings
) -> None:
    audit = build(folder, client, settings)
    store_measurements(audit, correct=0.5)

    status = parse_audit(["--image-folder", str(folder), "--quick"])(settings, client)

    assert status == 0
    directory = settings.models_dir / "audits" / "our-captchas-quick"
    assert sorted(p.name for p in directory.iterdir()) == ["report.html", "results.json"]
    results = json.loads((directory / "results.json").read_text())
    assert results["setting"]["image_folder"] == "our captchas"
    assert results["setting"]["labelled_images"] == 200
    assert results["test_captchas"] + results["curve"][-1]["labels"] == 200
    assert results["curve"][0]["accuracy"]["accuracy"] == 0
    assert results["protections"] == []
    assert results["is_above_limit"] is None
    assert results["command"].startswith("python -m trainer audit --image-folder")
    assert any("test images" in warning for warning in results["warnings"])


def test_an_earlier_report_of_the_same_name_is_replaced(
    folder: Path, client: GeneratorClient, settings: TrainerSettings
) -> None:
    store_measurements(build(folder, client, settings), correct=0.5)
    earlier = settings.models_dir / "audits" / "mine"
    earlier.mkdir(parents=True)
    (earlier / "report.html").write_text("old page")

    parse_audit(["--image-folder", str(folder), "--quick", "--name", "mine"])(settings, client)

    assert "old page" not in (earlier / "report.html").read_text()
    assert [path.name for path in earlier.parent.iterdir() if path.is_dir()] == ["mine"]


@pytest.mark.parametrize(("limit", "status"), [("0.1@100", 1), ("0.6@100", 0), ("0.1@0", 0)])
def test_the_exit_status_says_whether_the_limit_is_exceeded(
    folder: Path, client: GeneratorClient, settings: TrainerSettings, limit: str, status: int
) -> None:
    store_measurements(build(folder, client, settings), correct=0.5)

    command = parse_audit(["--image-folder", str(folder), "--quick", "--fail-above", limit])

    assert command(settings, client) == status
    assert (settings.models_dir / "audits" / "our-captchas-quick" / "report.html").exists()


def test_a_limit_for_more_images_than_the_folder_has_is_refused_before_the_audit(
    folder: Path,
    client: GeneratorClient,
    settings: TrainerSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    labelled = len(build(folder, client, settings).subject.captchas.train)
    command = ["--image-folder", str(folder), "--quick", "--fail-above"]

    assert parse_audit([*command, f"0.95@{labelled + 1}"])(settings, client) == 2
    assert f"needs {labelled + 1} images to train on" in caplog.text
    assert f"our captchas has {labelled}: about a fifth" in caplog.text
    assert not settings.data_dir.exists()

    store_measurements(build(folder, client, settings), correct=0.5)
    assert parse_audit([*command, f"0.95@{labelled}"])(settings, client) == 0


def test_a_folder_that_cannot_be_audited_ends_with_status_2(
    tmp_path: Path,
    client: GeneratorClient,
    settings: TrainerSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        status = parse_audit(["--image-folder", str(tmp_path / "nowhere")])(settings, client)

    assert status == 2
    assert "nowhere is not a directory; no report was written" in caplog.text
    assert not settings.models_dir.exists()


class FailingClient(GeneratorClient):
    """Fails with an error instead of a spec."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def wait_ready(self, timeout_s: float) -> CaptchaSource:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied"),
        OSError(28, "No space left on device"),
        ArtifactError("saved_model.pb is missing"),
        TrainingError("the loss is not a number"),
    ],
)
def test_an_audit_that_fails_ends_with_status_2_and_one_line(
    settings: TrainerSettings, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert parse_audit(["--quick"])(settings, FailingClient(error)) == 2
    assert [r.message for r in caplog.records] == [f"{error}; no report was written"]
    assert caplog.records[0].exc_info is None


def test_a_bug_ends_with_status_2_and_its_place_in_the_code(
    settings: TrainerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    assert parse_audit(["--quick"])(settings, FailingClient(KeyError("width"))) == 2
    assert caplog.records[0].message == "the audit failed; no report was written"
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize(("limit", "status"), [("0.1@100", 1), ("0.6@100", 0)])
def test_a_report_that_is_not_uploaded_does_not_change_the_exit_status(
    folder: Path,
    client: GeneratorClient,
    settings: TrainerSettings,
    tmp_path: Path,
    limit: str,
    status: int,
) -> None:
    store_measurements(build(folder, client, settings), correct=0.5)

    options = ["--image-folder", str(folder), "--quick", "--fail-above", limit]
    result = subprocess.run(
        [sys.executable, "-m", "trainer", "audit", *options],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AZURE")},
            "MODELS_DIR": str(settings.models_dir),
            "DATA_DIR": str(settings.data_dir),
            "MODELS_URL": "az://reports",  # without an account
        },
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert result.returncode == status, result.stderr
    assert "the audit reports were not uploaded: the URL of the store" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_generator_the_command_ends_with_status_2(
    client: GeneratorClient, settings: TrainerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status = parse_audit(["--length", "5"])(settings, client)

    assert status == 2
    assert "was not ready within 0 s" in caplog.text


def test_another_seed_or_mode_is_another_audit(
    folder: Path, client: GeneratorClient, settings: TrainerSettings
) -> None:
    options = [
        AuditOptions(image_folder=folder, mode=mode, seed=seed)
        for mode, seed in (("quick", 1), ("quick", 2), ("default", 1))
    ]

    fingerprints = {
        Audit(o, find_subject(o, client, settings), settings.data_dir, sys.stderr).fingerprint
        for o in options
    }

    assert len(fingerprints) == 3


@pytest.mark.parametrize("arguments", [["--length", "x"], ["--lengths", "4"]])
def test_the_program_ends_with_status_2_on_an_invalid_option(arguments: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "trainer", "audit", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert result.returncode == 2
    assert arguments[0] in result.stderr
    assert "Traceback" not in result.stderr
