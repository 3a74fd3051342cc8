from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.model_store import ModelStore
from inference_service.settings import Settings
from tests.inference_service.engines import load_band_engine
from tests.serving import running


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def client(volume: Path) -> Iterator[httpx.Client]:
    store = ModelStore(volume / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        yield client


def write_report(volume: Path, name: str, changed: int = 0) -> Path:
    path = volume / "audits" / name / "report.html"
    path.parent.mkdir(parents=True)
    path.write_text(f"<h1>{name}</h1>")
    os.utime(path, (changed, changed))
    return path


def test_there_are_no_reports_at_first(client: httpx.Client) -> None:
    assert client.get("/audits").json() == {"audits": []}


def test_reports_are_listed_latest_first_and_opened(client: httpx.Client, volume: Path) -> None:
    write_report(volume, "first", 1_000)
    write_report(volume, "second", 2_000)
    (volume / "audits" / "unfinished").mkdir()
    assert client.get("/audits").json() == {
        "audits": [
            {"name": "second", "created": "1970-01-01T00:33:20+00:00"},
            {"name": "first", "created": "1970-01-01T00:16:40+00:00"},
        ]
    }
    response = client.get("/audits/first/report.html")
    assert response.text == "<h1>first</h1>"
    assert response.headers["content-type"].startswith("text/html")


def test_a_report_cannot_act_as_the_page(client: httpx.Client, volume: Path) -> None:
    write_report(volume, "first")
    headers = client.get("/audits/first/report.html").headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy


@pytest.mark.parametrize("name", ["missing", "..", "%2e%2e", "a%2fb", ".hidden"])
def test_other_names_are_not_found(client: httpx.Client, volume: Path, name: str) -> None:
    write_report(volume, ".hidden")
    (volume / "report.html").write_text("secret")
    assert client.get(f"/audits/{name}/report.html").status_code == 404


def test_a_client_that_has_the_report_gets_no_body(client: httpx.Client, volume: Path) -> None:
    path = write_report(volume, "first")
    etag = client.get("/audits/first/report.html").headers["etag"]
    condition = {"If-None-Match": etag}
    response = client.get("/audits/first/report.html", headers=condition)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["cache-control"] == "no-cache"
    path.write_text("another report")
    response = client.get("/audits/first/report.html", headers=condition)
    assert (response.status_code, response.text) == (200, "another report")


def test_a_report_of_more_than_10_mb_is_neither_listed_nor_sent(
    client: httpx.Client, volume: Path
) -> None:
    path = write_report(volume, "first")
    os.truncate(path, 10_000_001)
    assert client.get("/audits").json() == {"audits": []}
    response = client.get("/audits/first/report.html")
    assert response.status_code == 404
    assert response.json() == {
        "detail": "the audit report cannot be read: more than 10,000,000 bytes"
    }
    os.truncate(path, 10_000_000)
    assert len(client.get("/audits").json()["audits"]) == 1
    assert len(client.get("/audits/first/report.html").content) == 10_000_000


def test_a_pipe_is_no_report(client: httpx.Client, volume: Path) -> None:
    path = write_report(volume, "first")
    path.unlink()
    os.mkfifo(path)
    assert client.get("/audits").json() == {"audits": []}
    assert client.get("/audits/first/report.html").status_code == 404


def test_links_are_not_followed(client: httpx.Client, volume: Path) -> None:
    (volume / "secret").write_text("secret")
    (volume / "outside").mkdir()
    (volume / "outside" / "report.html").write_text("secret")
    (volume / "audits" / "file").mkdir(parents=True)
    (volume / "audits" / "file" / "report.html").symlink_to(volume / "secret")
    (volume / "audits" / "directory").symlink_to(volume / "outside")
    assert client.get("/audits").json() == {"audits": []}
    for name in ("file", "directory"):
        assert client.get(f"/audits/{name}/report.html").status_code == 404
