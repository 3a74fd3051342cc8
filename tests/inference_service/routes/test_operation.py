"""The rule of docs/operations.md for untrusted clients blocks every route for operators."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from inference_service.app import create_app
from inference_service.model_store import ModelStore
from inference_service.routes import health, operation, predict
from inference_service.settings import Settings
from tests.inference_service.engines import load_band_engine

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


def is_blocked(path: str) -> bool:
    """Return whether the documented rule blocks a decoded path."""
    (rule,) = re.findall(r"http-request deny if { path,url_dec -m reg (\S+) }", PAGE.read_text())
    return re.search(rule, path) is not None


def list_paths(*routers: object) -> set[str]:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for router in routers:
        app.include_router(router)  # type: ignore[arg-type]
    return set(app.openapi()["paths"])


def test_every_route_for_operators_is_blocked() -> None:
    paths = list_paths(operation.router)
    assert paths == {
        "/model", "/models", "/models/{version}/files/{name}", "/audits",
        "/audits/{name}/report.html", "/training",
    }  # fmt: skip
    assert all(map(is_blocked, paths))


@pytest.mark.parametrize("path", ["/metrics", "/captcha/metrics", "/gateway/metrics"])
def test_all_metrics_are_blocked(path: str) -> None:
    assert is_blocked(path)


def test_the_other_routes_stay_open(tmp_path: Path) -> None:
    app = create_app(Settings.load(), ModelStore(tmp_path / "captcha", load_band_engine))
    files = {getattr(route, "path", "") for route in app.routes} - list_paths(operation.router)
    assert "/page/views/models.js" in files
    public = list_paths(predict.router, health.router) | files
    assert {path for path in public if is_blocked(path)} == {"/metrics"}
    assert not is_blocked("/captcha.png")
    assert not is_blocked("/captcha/spec")


def test_the_app_has_the_routes_for_operators(tmp_path: Path) -> None:
    app = create_app(Settings.load(), ModelStore(tmp_path / "captcha", load_band_engine))
    assert list_paths(operation.router) <= set(app.openapi()["paths"])
