"""The web page in a browser, against the running stack."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import Pages, check_accessibility, watch_pages
from tests.e2e.captchas import fetch_captchas
from tests.e2e.replicas import scale
from tests.e2e.screenshots import VIEWS
from tests.e2e.stack import Stack
from tests.e2e.training_view import FollowedTraining
from tests.serving import eventually
from tests.shared.encoded_images import with_chunk

LANGUAGES = {"en-US": "Try it", "zh-CN": "试一试"}
# A dropped folder is a file that cannot be read. Playwright drops and chooses files only.
READ_NO_FOLDER = """() => {
  const { slice } = Blob.prototype;
  const arrayBuffer = () => Promise.reject(new DOMException("no file", "NotFoundError"));
  Blob.prototype.slice = function (...range) {
    return this.name === "folder" ? { arrayBuffer } : slice.apply(this, range);
  };
}"""


@pytest.fixture
def operator_pages(stack: Stack, browser: Browser) -> Iterator[Pages]:
    """Yield pages of the operator port."""
    with watch_pages(browser, stack.admin_url) as pages:
        yield pages


def wait_for_prediction(page: Page) -> None:
    # An error also has the class "wrong".
    expect(page.get_by_test_id("verdict")).to_have_class(re.compile("right|wrong"))
    expect(page.get_by_test_id("answer")).to_have_text(re.compile(r"^[0-9A-Za-z]+$"))


def answer(page: Page) -> str:
    return page.get_by_test_id("answer").inner_text()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_each_view_is_accessible_and_fits_the_window(
    trained: float,
    operator_pages: Pages,
    view: str,
    language: str,
    width: int,
    scheme: Literal["dark", "light"],
) -> None:
    page = operator_pages.open("/", width=width, height=800, language=language, color_scheme=scheme)
    expect(page.get_by_role("link", name=LANGUAGES[language])).to_be_visible()
    page.locator(f"nav a[href='#{view}']").click()
    expect(page.locator(f"nav a[href='#{view}']")).to_have_attribute("aria-current", "page")
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_accessibility(page)


def test_the_language_can_be_switched_and_is_kept(trained: float, pages: Pages) -> None:
    page = pages.open("/", language="en-US")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("试一试")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.reload()
    expect(page.locator("h1")).to_have_text("试一试")


def test_the_first_paint_takes_less_than_a_second(trained: float, pages: Pages) -> None:
    page = pages.open("/")
    wait_for_prediction(page)
    entries = "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)"
    (first_ms,) = page.evaluate(entries)
    assert first_ms < 1000


def test_a_captcha_is_predicted_and_the_address_shows_it_again(
    trained: float, pages: Pages
) -> None:
    page = pages.open("/")
    wait_for_prediction(page)
    page.get_by_label("Style").select_option("classic")
    page.get_by_label("Text").fill("2718")
    page.get_by_role("button", name="New captcha").click()
    expect(page.get_by_test_id("answer")).to_have_text("2718")
    expect(page.get_by_test_id("verdict")).to_have_text("2718 is correct")
    expect(page.locator(".bars li")).to_have_count(5)  # four characters and the whole text
    image = page.get_by_alt_text("A captcha").get_attribute("src")
    address = page.url
    assert re.search(r"#try\?style=classic&text=2718&seed=\d+$", address)
    again = pages.open(address)
    expect(again.get_by_alt_text("A captcha")).to_have_attribute("src", image or "")
    expect(again.get_by_test_id("answer")).to_have_text("2718")


def test_invalid_options_are_explained(trained: float, pages: Pages) -> None:
    pages.expect_error("status of 422")
    page = pages.open("/#try?text=hello-world")
    expect(page.get_by_test_id("verdict")).to_have_class(re.compile("wrong"))
    expect(page.get_by_test_id("verdict")).to_contain_text("text")
    page.get_by_label("Text").fill("")
    page.get_by_role("button", name="New captcha").click()
    expect(page.get_by_test_id("answer")).to_have_text(re.compile(r"^\d{4}$"))


def test_a_hundred_captchas_are_counted(trained: float, pages: Pages) -> None:
    page = pages.open("/")
    page.get_by_role("button", name="Run 100").click()
    result = page.get_by_test_id("series").get_by_role("status")
    expect(result).to_contain_text("of 100 correct", timeout=60_000)
    found = re.search(r"(\d+) of 100 correct", result.inner_text())
    assert found
    misses = 100 - int(found[1])
    assert misses <= 5
    expect(page.get_by_test_id("series").locator("li")).to_have_count(misses)


def test_pictures_of_ones_own_are_predicted(
    client: httpx.Client, trained: float, pages: Pages, tmp_path: Path
) -> None:
    captchas = fetch_captchas(client, 3)
    files = []
    for i, (_, png) in enumerate(captchas):
        files.append(tmp_path / f"{i}.png")
        files[-1].write_bytes(png)
    contents = {"broken.png": b"not an image", "large.png": bytes(1_000_001), "folder": b"x"}
    for name, content in contents.items():
        files.append(tmp_path / name)
        files[-1].write_bytes(content)
    page = pages.open("/")
    page.evaluate(READ_NO_FOLDER)
    page.locator("input[type=file]").set_input_files([files[5], *files[:5]])
    results = page.get_by_test_id("own-results").locator("li strong")
    expect(results).to_have_count(6)
    folder, *texts, broken, large = results.all_inner_texts()
    assert folder == "The file cannot be read. Is it a folder, or was it changed?"
    assert sum(text == label for text, (label, _) in zip(texts, captchas, strict=True)) >= 2
    assert "image" in broken
    assert large == "The file is larger than 1 MB. Reduce the picture."


def test_a_request_that_fails_leaves_the_other_pictures_their_predictions(
    client: httpx.Client, trained: float, pages: Pages, tmp_path: Path
) -> None:
    pages.expect_error("status of 500")
    ((label, png),) = fetch_captchas(client, 1)
    # Together they are larger than a request, so each is sent alone.
    padded = with_chunk(png, b"biGg", bytes(600_000))
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for file in files:
        file.write_bytes(padded)
    page = pages.open("/")
    failing = iter([False, True, False])
    problem = {"results": [], "debug": "a bug"}
    page.route(
        "**/predict/batch*",
        lambda route: (
            route.fulfill(status=500, json=problem) if next(failing) else route.continue_()
        ),
    )
    page.locator("input[type=file]").set_input_files(files)
    results = page.get_by_test_id("own-results").locator("li strong")
    expect(results).to_have_text([label, "a bug", label])


def test_a_captcha_that_is_shown_again_is_counted_once(trained: float, pages: Pages) -> None:
    page = pages.open("/#try?seed=31")
    score = page.get_by_test_id("score").locator("dd").first
    expect(score).to_have_text(re.compile("/ 1$"))
    page.locator("#language").click()
    wait_for_prediction(page)
    page.locator(".fields + .row button[type=submit]").click()
    wait_for_prediction(page)
    expect(score).to_have_text(re.compile("/ 1$"))
    page.locator(".fields + .row button.primary").click()
    expect(score).to_have_text(re.compile("/ 2$"))


def test_a_file_of_the_page_that_does_not_load_is_requested_again(
    trained: float, pages: Pages
) -> None:
    pages.expect_error("ERR_FAILED")
    page = pages.open("/")
    page.route("**/page/chart.js", lambda route: route.abort())
    page.reload()
    expect(page.locator("#state")).to_contain_text("The page is not complete")
    page.unroute("**/page/chart.js")
    wait_for_prediction(page)


def test_the_spoken_captcha_is_shown_as_a_waveform(trained: float, pages: Pages) -> None:
    page = pages.open("/")
    wait_for_prediction(page)
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("img", name=re.compile("Waveform"))).to_be_visible()
    expect(page.locator("audio")).to_be_visible()


def test_the_command_line_gives_the_same_prediction(
    client: httpx.Client, trained: float, pages: Pages
) -> None:
    page = pages.open("/")
    wait_for_prediction(page)
    captcha_url, predict_url = re.findall(r"'(http[^']+)'", page.locator("pre").inner_text())
    captcha = client.get(captcha_url).json()
    assert client.post(predict_url, json=captcha).json()["prediction"] == answer(page)


def test_the_model_answers_after_the_human(trained: float, pages: Pages) -> None:
    page = pages.open("/#try")
    wait_for_prediction(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    with page.expect_response(re.compile("/captcha$")) as response:
        page.get_by_role("link", name="Human against model").click()
    label = response.value.json()["text"]
    expect(page.get_by_role("button", name="Compare")).to_have_attribute("aria-disabled", "false")
    page.get_by_label("What do you read?").fill(label)
    assert not [url for url in requests if "/predict" in url]
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("human-result")).to_contain_text(f"The label is {label}")
    expect(page.get_by_test_id("human-score")).to_contain_text("1 (100%)")
    page.get_by_role("button", name="Next captcha").click()
    expect(page.get_by_test_id("human-result")).to_be_empty()
    # Before the next captcha is there, Enter has nothing to check.
    expect(page.get_by_role("button", name="Compare")).to_have_attribute("aria-disabled", "false")
    page.get_by_label("What do you read?").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("human-score")).to_contain_text("1 (50%)")
    page.reload()
    expect(page.get_by_test_id("human-score")).to_contain_text("1 (50%)")


def test_the_training_is_followed_from_an_empty_volume_to_the_published_version(
    trained: float, followed_training: FollowedTraining | None
) -> None:
    if followed_training is None:
        pytest.skip("needs a browser")
    states = followed_training.states
    # The stages in between can be shorter than the time between two looks.
    assert "Training in progress" in states
    assert states[-1] == "Published as version 1"
    assert len(followed_training.loss_points) > 10
    assert followed_training.loss_points == sorted(followed_training.loss_points)
    assert max(followed_training.correct_samples) >= 6


def test_the_published_training_is_shown(trained: float, operator_pages: Pages) -> None:
    page = operator_pages.open("/#training")
    expect(page.get_by_test_id("training-state")).to_have_text("Published as version 1")
    expect(page.locator("svg.chart")).to_have_count(2)
    expect(page.locator(".gallery li").first).to_be_visible()


def test_versions_are_shown_with_their_pictures(trained: float, operator_pages: Pages) -> None:
    page = operator_pages.open("/#models")
    first = page.locator(".version").first
    expect(first.locator("h2")).to_contain_text("Version 1")
    expect(first.locator("h2")).to_contain_text("active")
    expect(page.locator(".version").last.locator("h2")).to_contain_text("bundled")
    first.locator("summary").click()
    images = first.locator("figure img")
    expect(images.nth(3)).to_be_attached()  # the files are listed when the version is opened
    for i in range(images.count()):
        images.nth(i).scroll_into_view_if_needed()
        expect(images.nth(i)).to_have_js_property("complete", True)
        assert images.nth(i).evaluate("image => image.naturalWidth") > 100


def test_audit_reports_appear_and_open_in_place(
    stack: Stack, trained: float, operator_pages: Pages
) -> None:
    page = operator_pages.open("/#audits")
    expect(page.get_by_test_id("audits")).to_contain_text("There is no report")
    # The view looks for new reports itself.
    program = (
        "mkdir -p /models/audits/example &&"
        " echo '<h1>Example report</h1>' > /models/audits/example/report.html"
    )
    shell = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", "trainer", "-c")
    stack.compose(*shell, program)
    try:
        page.get_by_role("button", name="Open").click()
        expect(page.frame_locator("iframe").locator("h1")).to_have_text("Example report")
    finally:
        stack.compose(*shell, "rm -r /models/audits")


def test_the_routes_of_both_services_are_listed(trained: float, pages: Pages) -> None:
    page = pages.open("/#api")
    expect(page.locator("code", has_text=re.compile(r"^/predict/batch$"))).to_be_visible()
    expect(page.locator("code", has_text=re.compile(r"^/captcha\.png$"))).to_be_visible()


def test_the_page_can_be_used_with_the_keyboard(trained: float, pages: Pages) -> None:
    page = pages.open("/")
    wait_for_prediction(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    before = page.url
    for _ in range(4):  # three fields, then the first button
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="New captcha")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != before)


def test_the_page_says_that_the_generator_is_down_and_recovers_by_itself(
    stack: Stack, trained: float, pages: Pages
) -> None:
    pages.expect_error("status of 50[234]|ERR_")
    page = pages.open("/")
    wait_for_prediction(page)
    stack.compose("stop", "--timeout", "2", "generator")
    try:
        page.get_by_role("button", name="New captcha").click()
        expect(page.get_by_test_id("verdict")).to_contain_text("generator", timeout=15_000)
    finally:
        stack.compose("start", "generator")
    expect(page.get_by_test_id("answer")).to_have_text(re.compile(r"^\d{4}$"), timeout=30_000)


def test_the_page_works_while_a_replica_is_killed(
    stack: Stack, operator: httpx.Client, three_replicas: list[str], pages: Pages
) -> None:
    # A container that comes or goes changes the network of this machine.
    pages.expect_error("ERR_NETWORK_CHANGED")
    page = pages.open("/")
    # A request waits while this test does something else, so the series cannot end before the kill.
    page.route("**/predict*", lambda route: route.continue_())
    page.get_by_role("button", name="Run 100").click()
    result = page.get_by_test_id("series").get_by_role("status")
    expect(page.locator("progress")).not_to_have_js_property("value", 0)
    subprocess.run(["docker", "kill", three_replicas[0]], check=True, capture_output=True)
    try:
        expect(page.get_by_role("button", name="Run 100")).to_have_attribute(
            "aria-disabled", "true"
        )
        expect(result).to_contain_text("of 100 correct", timeout=60_000)
    finally:
        scale(stack, operator, 1)


def test_the_page_says_that_there_is_no_model(
    stack: Stack, client: httpx.Client, trained: float, pages: Pages
) -> None:
    pages.expect_error("status of 503|ERR_NETWORK_CHANGED")

    def is_ready() -> bool:
        try:
            return client.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    # No version can predict this character.
    stack.compose("up", "-d", "--no-deps", "generator", CAPTCHA_CHARSET="+-=")
    try:
        eventually(lambda: not is_ready(), 60, "no model predicts these captchas")
        page = pages.open("/")
        expect(page.locator("#state")).to_contain_text("no ", timeout=15_000)
        expect(page.get_by_test_id("verdict")).to_contain_text("no ", timeout=15_000)
        page.locator("nav a[href='#models']").click()
        expect(page.locator(".version").first).to_contain_text("for other captchas")
    finally:
        stack.compose("up", "-d", "--no-deps", "generator")
        eventually(is_ready, 60, "version 1 is active again")
    page.locator("nav a[href='#try']").click()
    wait_for_prediction(page)
    expect(page.locator("#state")).to_have_text("Version 1 is active", timeout=15_000)
