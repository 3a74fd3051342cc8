"""The web page on the public port: API tokens, rate limits and reduced views. Needs no containers.

The inference service runs in this process, behind a small gateway that is written here.
"""

from __future__ import annotations

import base64
import io
import re
import wave
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from shared.versions.training_status import EpochDone, TrainingStatus, write_training_status
from tests.e2e.browser import Pages, check_accessibility, watch_pages
from tests.inference_service.captchas import draw
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import publish_fake, remove_graph
from tests.serving import running, wait_ready

TOKEN, NEW_TOKEN = "a-secret-token", "the-next-token"
OPEN_PATHS = {"/", "/ready", "/openapi.json", "/captcha/openapi.json"}
PNG = draw("1234", CaptchaSpec()).png


class Gateway:
    """Forwards requests to the inference service and draws captchas, as the public port does.

    Attributes:
        token: that requests must have; None if they need none.
        limited: number of requests for captchas that exceed the rate limit from now on.
        addresses: path and query of every request.
    """

    def __init__(self, service: httpx.Client) -> None:
        self.token: str | None = None
        self.limited = 0
        self.addresses: list[str] = []
        self._service = service

    async def respond(self, request: Request) -> Response:
        path = request.url.path
        self.addresses.append(f"{path}?{request.url.query}")
        is_open = path in OPEN_PATHS or path.startswith("/page/")
        authorization = f"Bearer {self.token}" if self.token else None
        if not is_open and authorization not in {None, request.headers.get("authorization")}:
            return JSONResponse({"detail": "an API token is required"}, 401)
        if path.startswith(("/audits", "/models/")):
            return JSONResponse({"detail": "only on the operator port (ADMIN_PORT)"}, 403)
        if path.startswith("/captcha"):
            return self._draw(path)
        content = await request.body()
        return await run_in_threadpool(self._forward, request, content)

    def _draw(self, path: str) -> Response:
        if path == "/captcha.wav":
            return Response(silence(), media_type="audio/wav")
        if path == "/captcha/openapi.json":
            return JSONResponse({"paths": {}})
        if self.limited:
            self.limited -= 1
            return JSONResponse({"detail": "too many requests"}, 429, {"Retry-After": "1"})
        image = base64.b64encode(PNG).decode()
        return JSONResponse({"image": image, "text": "1234", "seed": "7"})

    def _forward(self, request: Request, content: bytes) -> Response:
        path = request.url.path
        found = self._service.request(
            request.method,
            f"/public{path}" if path in {"/models", "/training"} else path,
            params=str(request.url.query),
            content=content,
            headers={"Content-Type": request.headers.get("content-type", "")},
        )
        kept = {"content-type", "content-security-policy"} & found.headers.keys()
        headers = {name: found.headers[name] for name in kept}
        return Response(found.content, found.status_code, headers)


def silence() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    return out.getvalue()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Yield a service with a usable and a rejected version, and a training in progress."""
    volume = tmp_path_factory.mktemp("volume")
    publish_fake(volume / "captcha", CaptchaSpec())
    remove_graph(publish_fake(volume / "captcha", CaptchaSpec()))
    epochs = [(1.0, 0.62), (2.0, 0.93), (3.0, 0.97)]
    status = TrainingStatus(
        state="training",
        started=datetime.now(UTC),
        updated=datetime.now(UTC) + timedelta(hours=1),  # not stale, however long tests take
        spec=CaptchaSpec().to_dict(),
        network="small",
        init="bundled",
        captchas_fetched=20_000,
        captchas_wanted=20_000,
        epoch=4,
        epochs=8,
        progress=0.4,
        seconds_left=240,
        epochs_done=tuple(
            EpochDone(epoch=epoch, loss=None, validation_loss=None, validation_accuracy=accuracy)
            for epoch, accuracy in epochs
        ),
    )
    write_training_status(volume, status)
    store = ModelStore(volume / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        yield client


@pytest.fixture
def gateway(service: httpx.Client) -> Gateway:
    return Gateway(service)


@pytest.fixture
def public_pages(browser: Browser, gateway: Gateway) -> Iterator[Pages]:
    routes = [Route("/{path:path}", gateway.respond, methods=["GET", "POST"])]
    with (
        running(Starlette(routes=routes)) as client,
        watch_pages(browser, str(client.base_url).rstrip("/")) as pages,
    ):
        # The browser reports each response with an error.
        pages.expect_error("status of (401|403|429)")
        yield pages


def give_token(page: Page, token: str = TOKEN) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Use token").click()


def expect_prediction(page: Page) -> None:
    expect(page.get_by_test_id("verdict")).to_have_text("1234 is correct")


def test_the_page_asks_for_a_token_and_then_repeats_the_request(
    gateway: Gateway, public_pages: Pages
) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#state")).to_have_text("Version 1 is active")
    give_token(page, "another-token")
    expect(page.get_by_role("alert")).to_contain_text("The token was refused")
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    page.keyboard.type(TOKEN)  # replaces the refused one
    page.keyboard.press("Enter")
    expect_prediction(page)
    expect(page.get_by_label("Token", exact=True)).to_be_hidden()
    expect(page.locator("main")).to_be_focused()


def test_a_token_is_kept_in_the_tab_only(gateway: Gateway, public_pages: Pages) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    give_token(page)
    expect_prediction(page)
    assert TOKEN in page.evaluate("JSON.stringify(sessionStorage)")
    assert TOKEN not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location")
    assert not [address for address in gateway.addresses if TOKEN in address]
    page.reload()
    expect_prediction(page)
    assert page.evaluate("history.length") == 2, "no address of its own"


def test_a_token_can_be_forgotten(gateway: Gateway, public_pages: Pages) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    expect(page.get_by_role("button", name="Forget token")).to_be_hidden()
    give_token(page)
    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    expect(page.get_by_label("Token", exact=True)).to_have_value("")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("button", name="Forget token")).to_be_hidden()
    assert TOKEN not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_token_that_expires_is_replaced_without_losing_the_view(
    gateway: Gateway, public_pages: Pages
) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    give_token(page)
    expect_prediction(page)
    page.get_by_label("Text").fill("1234")
    gateway.token = NEW_TOKEN
    page.get_by_role("button", name="Run 100").click()
    expect(page.get_by_role("alert")).to_contain_text("The token was refused")
    give_token(page, NEW_TOKEN)
    result = page.get_by_test_id("series").get_by_role("status")
    expect(result).to_contain_text("100 of 100 correct", timeout=30_000)
    expect(page.get_by_label("Text")).to_have_value("1234")


def test_a_view_that_needs_no_token_does_not_ask_for_one(
    gateway: Gateway, public_pages: Pages
) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_label("令牌", exact=True)).to_be_visible()
    page.locator("nav a[href='#api']").click()
    expect(page.locator("code", has_text=re.compile(r"^/predict$"))).to_be_visible()
    expect(page.get_by_label("令牌", exact=True)).to_be_hidden()
    page.locator("nav a[href='#human']").click()
    expect(page.get_by_label("令牌", exact=True)).to_be_focused()


def test_sound_and_pictures_of_ones_own_are_sent_with_the_token(
    gateway: Gateway, public_pages: Pages
) -> None:
    gateway.token = TOKEN
    page = public_pages.open("/")
    give_token(page)
    expect_prediction(page)
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("img", name=re.compile("Waveform"))).to_be_visible()
    file = {"name": "own.png", "mimeType": "image/png", "buffer": PNG}
    page.locator("input[type=file]").set_input_files([file])  # type: ignore[list-item]
    expect(page.get_by_test_id("own-results").locator("li strong")).to_have_text("1234")


def test_commands_name_the_variable_and_not_the_token(
    gateway: Gateway, public_pages: Pages
) -> None:
    page = public_pages.open("/")
    expect_prediction(page)
    expect(page.locator("pre")).not_to_contain_text("Authorization")
    gateway.token = TOKEN
    page.get_by_role("button", name="New captcha").click()
    give_token(page)
    expect_prediction(page)
    command = page.locator("pre").inner_text()
    assert command.count('curl -s -H "Authorization: Bearer $TOKEN" ') == 2
    assert TOKEN not in page.content()
    page.locator("nav a[href='#api']").click()
    expect(page.locator("pre")).to_contain_text('-H "Authorization: Bearer $TOKEN"')


def test_too_many_requests_are_sent_again_when_the_gateway_allows_it(
    gateway: Gateway, public_pages: Pages
) -> None:
    gateway.limited = 1
    page = public_pages.open("/")
    expect(page.get_by_test_id("verdict")).to_have_text("too many requests")
    expect_prediction(page)
    gateway.limited = 6
    page.get_by_role("button", name="Run 100").click()
    result = page.get_by_test_id("series").get_by_role("status")
    expect(result).to_have_text("too many requests")
    expect(result).to_contain_text("100 of 100 correct", timeout=30_000)


def test_models_are_shown_without_figures_and_rejected_versions(public_pages: Pages) -> None:
    page = public_pages.open("/#models")
    models = page.get_by_test_id("models")
    expect(models.locator("h2")).to_have_text([re.compile(r"^Version 1\s*active$")])
    expect(models.locator("dt")).to_have_text(
        ["Test accuracy", "Test captchas", "Captchas", "Characters"]
    )
    expect(models).to_contain_text("on the operator port, by default http://localhost:5001")


def test_a_training_is_shown_without_losses_and_samples(public_pages: Pages) -> None:
    page = public_pages.open("/#training")
    expect(page.get_by_test_id("training-state")).to_have_text("Training in progress")
    expect(page.locator("svg.chart")).to_have_count(1)
    expect(page.locator("dt")).to_have_text(
        ["Captchas", "Epoch", "Time left", "Length", "Characters", "Started"]
    )
    assert page.locator("h2:visible").all_inner_texts() == [
        "Training in progress",
        "Validation accuracy",
    ]


def test_audits_are_named_as_part_of_the_operator_port_and_not_requested_again(
    gateway: Gateway, public_pages: Pages
) -> None:
    page = public_pages.open("/#models")
    page.evaluate("() => { const wait = setTimeout; setTimeout = (f, ms) => wait(f, ms / 100) }")
    page.locator("nav a[href='#audits']").click()
    expect(page.get_by_test_id("audits")).to_contain_text("http://localhost:5001")
    expect(page.locator(".notice:visible")).to_have_count(0)
    page.wait_for_timeout(1000)  # ten times the time until the next request
    assert gateway.addresses.count("/audits?") == 1


@pytest.mark.parametrize("view", ["try", "training", "models", "audits"])
@pytest.mark.parametrize("is_token_needed", [True, False])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_each_view_is_accessible_and_fits_the_window(
    gateway: Gateway,
    public_pages: Pages,
    view: str,
    is_token_needed: bool,
    width: int,
    scheme: Literal["dark", "light"],
) -> None:
    gateway.token = TOKEN if is_token_needed else None
    page = public_pages.open(f"/#{view}", width=width, height=800, color_scheme=scheme)
    if is_token_needed:
        give_token(page, "another-token")
        expect(page.get_by_role("alert")).to_be_visible()
    else:
        page.wait_for_load_state("networkidle")
    assert urlsplit(page.url).fragment.startswith(view)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_accessibility(page)
