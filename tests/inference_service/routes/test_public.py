from __future__ import annotations

from pathlib import Path

import httpx

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from shared.versions.training_status import EpochDone, write_training_status
from tests.inference_service.engines import load_band_engine
from tests.inference_service.routes.test_training import build_status
from tests.inference_service.versions import (
    add_files,
    copy_version,
    flip_a_byte,
    publish_fake,
    remove_manifest,
)
from tests.serving import running, wait_ready

VERSION_FIELDS = {
    "version", "active", "matches", "spec", "accuracy", "accuracy_interval_95", "test_captchas",
}  # fmt: skip


def test_the_model_is_version_captchas_and_accuracy(client: httpx.Client) -> None:
    body, full = client.get("/public/model").json(), client.get("/model").json()
    assert body == {name: full[name] for name in body}
    assert set(body) == (VERSION_FIELDS - {"active", "matches"}) | {"restriction"}


def test_versions_that_can_be_used_are_listed_without_files_and_reasons(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    add_files(publish_fake(versions, CaptchaSpec()), {"curves.png": b"a figure"})
    flip_a_byte(copy_version(versions, 2))
    with running(create_app(Settings.load(), ModelStore(versions, load_band_engine))) as client:
        wait_ready(client)
        body, full = client.get("/public/models").json(), client.get("/models").json()
    assert [version["version"] for version in full["versions"]] == [2, 1]
    (version,) = body["versions"]
    assert (version["version"], version["active"], version["accuracy"]) == (1, True, 0.99)
    assert set(version) == VERSION_FIELDS
    assert set(body) == {"generator", "versions"}


def test_a_lower_version_without_a_manifest_is_rejected_and_not_public(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    publish_fake(versions, CaptchaSpec())
    copy_version(versions, 2)
    remove_manifest(versions / "1")
    with running(create_app(Settings.load(), ModelStore(versions, load_band_engine))) as client:
        wait_ready(client)
        body, full = client.get("/public/models").json(), client.get("/models").json()
    described = [(v["version"], v["matches"], v["rejected"]) for v in full["versions"]]
    assert described == [(2, True, None), (1, False, "manifest.json is missing")]
    assert [version["version"] for version in body["versions"]] == [2]


def test_without_a_model_the_reasons_are_for_operators(tmp_path: Path) -> None:
    flip_a_byte(publish_fake(tmp_path / "captcha", CaptchaSpec()))
    store = ModelStore(tmp_path / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        assert "version 1 was rejected" in client.get("/model").json()["detail"]
        response = client.get("/public/model")
    assert response.status_code == 503
    detail = "no version predicts the captchas of the generator yet"
    assert response.json() == {"detail": detail}


def test_of_a_training_the_progress_is_sent(empty_client: httpx.Client, volume: Path) -> None:
    assert empty_client.get("/public/training").status_code == 404
    done = EpochDone(epoch=1, loss=0.5, validation_loss=0.4, validation_accuracy=0.9)
    status = build_status(epoch=2, step=5, steps=10, reason="a path", epochs_done=(done,))
    write_training_status(volume, status)
    response = empty_client.get("/public/training")
    full = empty_client.get("/training").json()
    secret = {"format", "reason", "network", "init", "loss", "samples"}
    public = {name: full[name] for name in full.keys() - secret}
    assert full["epochs_done"] == [done.model_dump()]
    public["epochs_done"] = [{"epoch": 1, "validation_accuracy": 0.9}]
    assert response.json() == public
    assert response.headers["cache-control"] == "no-store"


def test_the_api_document_does_not_contain_the_routes_of_the_public_port(
    client: httpx.Client,
) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if "public" in path]
