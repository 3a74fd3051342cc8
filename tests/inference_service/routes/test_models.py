from __future__ import annotations

from pathlib import Path

import httpx

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import read_manifest
from shared.versions.sync_status import write_sync_status
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import add_files, bundle_fake, flip_a_byte, publish_fake
from tests.serving import running, wait_ready

HEXADECIMAL = CaptchaSpec("0123456789ABCDEF", length=6, min_length=3)
DIGITS = CaptchaSpec("0123456789", length=5)


def test_model_describes_the_active_version(client: httpx.Client, models: Path) -> None:
    manifest = read_manifest(models / "1")
    assert client.get("/model").json() == {
        "version": 1,
        "spec": {"charset": "0123456789", "length": 4, "width": 160, "height": 60},
        "restriction": {"charset": "0123456789", "min_length": 4, "max_length": 4},
        "accuracy": manifest.metrics.accuracy,
        "accuracy_interval_95": list(manifest.metrics.accuracy_interval_95),
        "test_captchas": manifest.metrics.n,
        "source": "volume",
        "engine": "fake",
        "metrics": manifest.metrics.model_dump(mode="json"),
        "created": manifest.created,
        "config": manifest.config,
        "rejected": {},
        "sync": None,
    }


def test_model_shows_what_the_sync_service_could_not_copy(tmp_path: Path) -> None:
    publish_fake(tmp_path / "captcha", CaptchaSpec())
    write_sync_status(tmp_path, ["version 2 was not copied: it is too large"], [1], {})
    store = ModelStore(tmp_path / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        sync = client.get("/model").json()["sync"]
    assert sync["problems"] == ["version 2 was not copied: it is too large"]
    assert sync["checked"].endswith("Z")


def test_model_shows_the_training_and_the_restriction_of_the_bundled_model(tmp_path: Path) -> None:
    store = ModelStore(
        tmp_path / "captcha",
        load_band_engine,
        bundled_model=bundle_fake(tmp_path, HEXADECIMAL),
        find_generator=lambda: DIGITS,
    )
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        model = client.get("/model").json()
    assert model["spec"] == HEXADECIMAL.to_dict()
    assert model["restriction"] == {"charset": "0123456789", "min_length": 5, "max_length": 5}


def test_models_lists_the_versions_and_which_of_them_match_the_generator(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    manifest = read_manifest(publish_fake(versions, DIGITS))
    publish_fake(versions, CaptchaSpec())
    flip_a_byte(publish_fake(versions, DIGITS))
    (versions / "4").mkdir()
    store = ModelStore(
        versions,
        load_band_engine,
        bundled_model=bundle_fake(tmp_path, HEXADECIMAL),
        find_generator=lambda: DIGITS,
    )
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        body = client.get("/models").json()
    assert body["generator"] == DIGITS.to_dict()
    shown = [(v["version"], v["source"], v["active"], v["matches"]) for v in body["versions"]]
    assert shown == [
        (4, "volume", False, False),
        (3, "volume", False, True),
        (2, "volume", False, False),
        (1, "volume", True, True),
        (0, "bundled", False, True),
    ]
    unreadable, damaged, other, active, _ = body["versions"]
    assert unreadable["rejected"] == "manifest.json is missing"
    unknown = ("spec", "accuracy", "accuracy_interval_95", "test_captchas", "created", "size_bytes")
    assert {unreadable[name] for name in unknown} == {None}
    assert unreadable["files"] == []
    assert "was changed" in damaged["rejected"]
    assert other["rejected"] is None
    assert active["spec"] == DIGITS.to_dict()
    assert active["accuracy"] == manifest.metrics.accuracy
    assert active["accuracy_interval_95"] == list(manifest.metrics.accuracy_interval_95)
    assert active["test_captchas"] == manifest.metrics.n
    assert active["created"] == manifest.created
    assert active["engine"] == "fake"
    assert {version["engine"] for version in body["versions"] if not version["active"]} == {None}


def test_models_lists_the_figures_and_the_history_but_counts_all_bytes(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    directory = publish_fake(versions, CaptchaSpec())
    add_files(directory, {"history.csv": b"epoch,loss\n", "curves.png": b"a figure"})
    with running(create_app(Settings.load(), ModelStore(versions, load_band_engine))) as client:
        wait_ready(client)
        (version,) = client.get("/models").json()["versions"]
    assert version["files"] == [
        {"name": "curves.png", "media_type": "image/png", "size_bytes": 8},
        {"name": "history.csv", "media_type": "text/csv; charset=utf-8", "size_bytes": 11},
    ]
    weights = (directory / "variables" / "variables.data-00000-of-00001").stat().st_size
    graph = (directory / "saved_model.pb").stat().st_size
    assert version["size_bytes"] == 8 + 11 + weights + graph


def test_models_responds_without_versions_and_without_a_generator(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        response = client.get("/models")
    assert (response.status_code, response.json()) == (200, {"generator": None, "versions": []})


def test_without_a_known_generator_every_version_matches(client: httpx.Client) -> None:
    body = client.get("/models").json()
    assert body["generator"] is None
    assert [v["matches"] for v in body["versions"]] == [True]
