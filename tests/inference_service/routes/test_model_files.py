from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import add_files, publish_fake
from tests.serving import running, wait_ready

FIGURE = b"\x89PNG a figure"
ETAG = f'"{hashlib.sha256(FIGURE).hexdigest()}"'
FILES = {
    "curves.png": FIGURE,
    "gallery.png": b"changed later",
    "history.csv": b"epoch,loss\n1,0.5\n",
}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of version 1, which contains an unlisted file and a changed one."""
    directory = publish_fake(tmp_path_factory.mktemp("files") / "captcha", CaptchaSpec())
    add_files(directory, FILES)
    (directory / "unlisted.png").write_bytes(FIGURE)
    (directory.parent / "secret.png").write_bytes(FIGURE)
    return directory


@pytest.fixture(scope="module")
def service(version: Path) -> Iterator[httpx.Client]:
    store = ModelStore(version.parent, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        (version / "gallery.png").write_bytes(b"changed Later")
        yield client


def test_a_figure_has_its_type_an_etag_and_security_headers(service: httpx.Client) -> None:
    response = service.get("/models/1/files/curves.png")
    assert (response.status_code, response.content) == (200, FIGURE)
    expected = {
        "content-type": "image/png",
        "etag": ETAG,
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    assert {name: response.headers[name] for name in expected} == expected


def test_the_history_is_plain_text(service: httpx.Client) -> None:
    response = service.get("/models/1/files/history.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.content == FILES["history.csv"]


def test_a_client_that_has_the_file_gets_no_body(service: httpx.Client) -> None:
    path = "/models/1/files/curves.png"
    response = service.get(path, headers={"If-None-Match": ETAG})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == ETAG
    assert service.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("1/files/gallery.png", "gallery.png was changed: its SHA-256 differs"),
        ("1/files/unlisted.png", "the version has no such file"),
        ("1/files/manifest.json", "the version has no such file"),
        ("1/files/saved_model.pb", "the version has no such file"),
        ("1/files/curves.png%00", "the version has no such file"),
        ("1/files/..", "the version has no such file"),
        ("1/files/CURVES.PNG", "the version has no such file"),
        ("2/files/curves.png", "there is no such version"),
        ("01/files/curves.png", "there is no such version"),
        ("-1/files/curves.png", "there is no such version"),
        ("9" * 5000 + "/files/curves.png", "there is no such version"),
        ("captcha/files/curves.png", "there is no such version"),
        ("../files/secret.png", "there is no such version"),
        ("1/files/variables/variables.data-00000-of-00001", "Not Found"),
        ("1/files/../curves.png", "Not Found"),
        ("1/files/../../secret.png", "Not Found"),
        ("1/files/..%2F..%2Fsecret.png", "Not Found"),
        ("1/files/%2e%2e%2f%2e%2e%2fsecret.png", "Not Found"),
        ("1%2F..%2F1/files/curves.png", "Not Found"),
        ("1/files//curves.png", "Not Found"),
        ("1/files/%2Fetc%2Fpasswd", "Not Found"),
    ],
)
def test_nothing_else_is_sent(service: httpx.Client, path: str, detail: str) -> None:
    # httpx would resolve `..` itself.
    connection = http.client.HTTPConnection(service.base_url.host, service.base_url.port)
    connection.request("GET", f"/models/{path}")
    response = connection.getresponse()
    assert response.status == 404
    assert detail in json.loads(response.read())["detail"]
    connection.close()


def test_a_version_without_a_readable_manifest_has_no_files(
    version: Path, service: httpx.Client
) -> None:
    (version.parent / "3").mkdir()
    (version.parent / "3" / "curves.png").write_bytes(FIGURE)
    store = ModelStore(version.parent, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        response = client.get("/models/3/files/curves.png")
    assert response.status_code == 404
    assert "there is no such version" in response.json()["detail"]
