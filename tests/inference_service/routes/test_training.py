from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from inference_service.routes import training
from shared.versions.training_status import (
    TrainingStatus,
    TrainingStatusError,
    write_training_status,
)


def build_status(age_s: float = 0.0, **fields: object) -> TrainingStatus:
    updated = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=age_s)
    values = {"state": "training", "network": "medium", "init": "bundled", "epochs": 2}
    return TrainingStatus.model_validate(values | {"started": updated, "updated": updated} | fields)


def test_without_a_training_there_is_no_status(empty_client: httpx.Client) -> None:
    response = empty_client.get("/training")
    assert response.status_code == 404
    assert response.json() == {"detail": "no training has run on this models volume yet"}


def test_the_status_of_the_trainer_is_returned(empty_client: httpx.Client, volume: Path) -> None:
    status = build_status(epoch=1, step=5, steps=10)
    write_training_status(volume, status)
    response = empty_client.get("/training")
    assert response.status_code == 200
    assert response.json() == status.model_dump(mode="json") | {"stale": False}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_new_status_is_returned_at_once(empty_client: httpx.Client, volume: Path) -> None:
    for step in (1, 2, 3):
        write_training_status(volume, build_status(step=step))
        assert empty_client.get("/training").json()["step"] == step


def test_a_killed_trainer_is_stale_although_its_file_does_not_change(
    empty_client: httpx.Client, volume: Path
) -> None:
    write_training_status(volume, build_status(age_s=120))
    body = empty_client.get("/training").json()
    assert (body["state"], body["stale"]) == ("training", True)


def test_a_training_that_ended_long_ago_is_not_stale(
    empty_client: httpx.Client, volume: Path
) -> None:
    write_training_status(volume, build_status(age_s=1e6, state="published", version=4))
    body = empty_client.get("/training").json()
    assert (body["state"], body["version"], body["stale"]) == ("published", 4, False)


def test_a_file_is_read_once_until_it_changes(empty_client: httpx.Client, volume: Path) -> None:
    path = volume / "training.json"
    write_training_status(volume, build_status(step=1))
    assert empty_client.get("/training").json()["step"] == 1
    seen = path.stat()
    path.write_text(path.read_text().replace('"step":1', '"step":7'))  # the same size and inode
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert empty_client.get("/training").json()["step"] == 1
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    assert empty_client.get("/training").json()["step"] == 7


def test_a_damaged_file_is_a_503_until_it_is_replaced(
    empty_client: httpx.Client, volume: Path
) -> None:
    (volume / "training.json").write_text('{"format": 1, "state"')
    for _ in range(2):
        response = empty_client.get("/training")
        assert response.status_code == 503
        assert response.json()["detail"].startswith("training.json is invalid: Invalid JSON")
        assert str(volume) not in response.text
    write_training_status(volume, build_status())
    assert empty_client.get("/training").status_code == 200


def test_a_file_is_read_again_after_an_error_of_the_disk(
    empty_client: httpx.Client, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_training_status(volume, build_status())

    def fail(_: Path) -> None:
        raise TrainingStatusError("training.json cannot be read: Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(training, "read_training_status", fail)
        assert empty_client.get("/training").status_code == 503
    assert empty_client.get("/training").status_code == 200


def test_a_removed_file_is_a_404_again(empty_client: httpx.Client, volume: Path) -> None:
    write_training_status(volume, build_status())
    assert empty_client.get("/training").status_code == 200
    (volume / "training.json").unlink()
    assert empty_client.get("/training").status_code == 404


def test_the_route_is_documented(empty_client: httpx.Client) -> None:
    document = empty_client.get("/openapi.json").json()
    responses = document["paths"]["/training"]["get"]["responses"]
    assert {"200", "404", "503"} <= set(responses)
    fields = document["components"]["schemas"]["TrainingBody"]["properties"]
    assert {"state", "stale", "samples", "epochs_done"} <= set(fields)
