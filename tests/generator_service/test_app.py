from __future__ import annotations

import asyncio

import httpx
import pytest

from generator_service.app import create_app
from generator_service.rendering.render_options import RenderOptions
from generator_service.settings import Settings
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import CaptchaSpec
from tests.serving import eventually, running

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()


class FailingPool(WorkerPool):
    """Fails to render."""

    async def render_png(self, text: str, seed: int, spec: CaptchaSpec | None = None) -> bytes:
        raise RuntimeError("no memory")


class FakePool(WorkerPool):
    """Returns captchas of three bytes, without worker processes."""

    async def render_png(self, text: str, seed: int, spec: CaptchaSpec | None = None) -> bytes:
        return b"png"


class StartingPool(WorkerPool):
    """Starts its workers forever."""

    async def warm_up(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dataset", "count: Field required"),
        ("/dataset?count=0", "count: Input should be greater than or equal to 1, not '0'"),
        ("/dataset?count=1000000000", "count: Input should be less than or equal to 100000"),
        ("/dataset?count=-5", "count: Input should be greater than"),
        ("/dataset?count=many", "count: Input should be a valid integer"),
        ("/dataset?count=1&format=tar", "format: Input should be 'zip' or 'npz', not 'tar'"),
        ("/dataset?count=1&start=-1", "start: Input should be greater than"),
        ("/dataset?count=1&style=cubist", "style: Input should be 'current', 'classic',"),
        ("/dataset?count=1&charset=1aO", "charset contains 'Oa'; this generator renders '01234567"),
        ("/dataset?count=1&charset=11", "charset repeats '1'"),
        ("/dataset?count=1&charset=", "charset must contain at least one character"),
        ("/captcha.png?style=", "style: Input should be 'current', 'classic',"),
        ("/captcha?seed=-1", "seed: Input should be greater than or equal to 0"),
        ("/captcha?seed=9007199254740992", "seed: Input should be less than"),
        ("/captcha?text=12a4", "text contains 'a', which is not in the charset '0123456789'"),
        ("/captcha.png?text=123", "text has 3 characters, a captcha here has 4"),
        ("/captcha.wav?text=12345", "text has 5 characters"),
        ("/captcha?text=", "text has 0 characters"),
        ("/captcha?text=%F0%9F%98%80000", "which is not in the charset"),
    ],
)
def test_an_invalid_request_gets_a_422_that_names_the_value(
    generator: httpx.Client, path: str, message: str
) -> None:
    response = generator.get(path)
    assert response.status_code == 422
    assert message in response.json()["detail"]


def test_unknown_routes_and_methods_get_json(generator: httpx.Client) -> None:
    assert generator.get("/nothing").status_code == 404
    assert generator.get("/nothing").json() == {"detail": "Not Found"}
    assert generator.post("/captcha").status_code == 405
    assert generator.post("/captcha").json() == {"detail": "Method Not Allowed"}


def test_the_api_documentation_is_served_without_other_hosts(generator: httpx.Client) -> None:
    page = generator.get("/captcha/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "SwaggerUIBundle" in generator.get("/captcha/docs/swagger-ui-bundle.js").text
    assert generator.get("/docs").status_code == 404
    paths = generator.get("/captcha/openapi.json").json()["paths"]
    assert not [path for path in paths if "docs" in path]


@pytest.mark.parametrize("route", ["/captcha?", "/captcha.png?", "/dataset?count=1&"])
def test_a_style_that_cannot_show_the_captchas_gets_a_422_with_the_reason(route: str) -> None:
    pool = FakePool(CaptchaSpec(style="synthetic", width=60, height=16), OPTIONS, 1)
    with running(create_app(Settings.load(), pool)) as client:
        response = client.get(f"{route}style=current")
        assert response.status_code == 422
        assert "height must be at least 40 in the style current" in response.json()["detail"]
        assert client.get("/captcha.png?style=gimpy").status_code == 200


def test_a_failure_gets_a_500_with_json_and_a_request_id() -> None:
    with running(create_app(Settings.load(), FailingPool(SPEC, OPTIONS, 1))) as client:
        response = client.get("/captcha", headers={"X-Request-ID": "abc"})
        assert response.status_code == 500
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.json() == {"detail": "internal error; see the log of the service"}
        assert response.headers["x-request-id"] == "abc"


def test_a_generator_that_cannot_render_is_not_ready_and_says_why() -> None:
    def failed() -> bool:
        detail = client.get("/ready").json()["detail"]
        return detail == "the first captcha could not be rendered: no memory"

    with running(create_app(Settings.load(), FailingPool(SPEC, OPTIONS, 1))) as client:
        eventually(failed, 5, "the failure")


def test_a_generator_whose_workers_are_starting_is_alive_but_not_ready() -> None:
    with running(create_app(Settings.load(), StartingPool(SPEC, OPTIONS, 1))) as client:
        response = client.get("/ready")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json() == {"detail": "the worker processes are starting"}
        assert client.get("/ping").status_code == 200
