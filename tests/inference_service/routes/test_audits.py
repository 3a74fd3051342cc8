from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest


def write_report(volume: Path, name: str, changed: int = 0) -> Path:
    path = volume / "audits" / name / "report.html"
    path.parent.mkdir(parents=True)
    path.write_text(f"<h1>{name}</h1>")
    os.utime(path, (changed, changed))
    return path


def test_there_are_no_reports_at_first(empty_client: httpx.Client) -> None:
    assert empty_client.get("/audits").json() == {"audits": []}


def test_reports_are_listed_latest_first_and_opened(
    empty_client: httpx.Client, volume: Path
) -> None:
    write_report(volume, "first", 1_000)
    write_report(volume, "second", 2_000)
    (volume / "audits" / "unfinished").mkdir()
    assert empty_client.get("/audits").json() == {
        "audits": [
            {"name": "second", "created": "1970-01-01T00:33:20+00:00"},
            {"name": "first", "created": "1970-01-01T00:16:40+00:00"},
        ]
    }
    response = empty_client.get("/audits/first/report.html")
    assert response.text == "<h1>first</h1>"
    assert response.headers["content-type"].startswith("text/html")


def test_a_report_cannot_act_as_the_page(empty_client: httpx.Client, volume: Path) -> None:
    write_report(volume, "first")
    headers = empty_client.get("/audits/first/report.html").headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy


@pytest.mark.parametrize("name", ["missing", "%2e%2e", "a%2fb", ".hidden"])
def test_other_names_are_not_found(empty_client: httpx.Client, volume: Path, name: str) -> None:
    write_report(volume, ".hidden")
    (volume / "report.html").write_text("secret")
    assert empty_client.get(f"/audits/{name}/report.html").status_code == 404


def test_a_client_that_has_the_report_gets_no_body(
    empty_client: httpx.Client, volume: Path
) -> None:
    path = write_report(volume, "first")
    etag = empty_client.get("/audits/first/report.html").headers["etag"]
    condition = {"If-None-Match": etag}
    response = empty_client.get("/audits/first/report.html", headers=condition)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["cache-control"] == "no-cache"
    path.write_text("another report")
    response = empty_client.get("/audits/first/report.html", headers=condition)
    assert (response.status_code, response.text) == (200, "another report")


def test_a_report_of_more_than_10_mb_is_neither_listed_nor_sent(
    empty_client: httpx.Client, volume: Path
) -> None:
    path = write_report(volume, "first")
    os.truncate(path, 10_000_001)
    assert empty_client.get("/audits").json() == {"audits": []}
    response = empty_client.get("/audits/first/report.html")
    assert response.status_code == 404
    assert response.json() == {
        "detail": "the audit report cannot be read: more than 10,000,000 bytes"
    }
    os.truncate(path, 10_000_000)
    assert len(empty_client.get("/audits").json()["audits"]) == 1
    assert len(empty_client.get("/audits/first/report.html").content) == 10_000_000


def test_a_pipe_is_no_report(empty_client: httpx.Client, volume: Path) -> None:
    path = write_report(volume, "first")
    path.unlink()
    os.mkfifo(path)
    assert empty_client.get("/audits").json() == {"audits": []}
    assert empty_client.get("/audits/first/report.html").status_code == 404


def test_links_are_not_followed(empty_client: httpx.Client, volume: Path) -> None:
    (volume / "secret").write_text("secret")
    (volume / "outside").mkdir()
    (volume / "outside" / "report.html").write_text("secret")
    (volume / "audits" / "file").mkdir(parents=True)
    (volume / "audits" / "file" / "report.html").symlink_to(volume / "secret")
    (volume / "audits" / "directory").symlink_to(volume / "outside")
    assert empty_client.get("/audits").json() == {"audits": []}
    for name in ("file", "directory"):
        assert empty_client.get(f"/audits/{name}/report.html").status_code == 404
