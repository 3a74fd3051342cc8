"""The requests of the slides."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.deployment import draw_deployment

SLIDES = [
    "curl -X POST -F image=@2140.png 'http://localhost:5000/predict'",
    "curl -X POST -F image=@1459.png 'http://localhost:5000/predict'",
    "curl -X POST -F image=@6598.png 'http://localhost:5000/predict'",
]


@pytest.mark.slow
def test_the_lines_of_the_slides_are_logged_beside_their_captchas(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, _ = build_workspace(tmp_path, SPEC)
    with caplog.at_level(logging.INFO, "trainer"):
        *captchas, script, figure = draw_deployment(workspace)
    assert [file.name for file in captchas] == ["2140.png", "1459.png", "6598.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in captchas)
    assert script.read_text().splitlines() == SLIDES
    assert [message for message in caplog.messages if message.startswith("curl")] == SLIDES
    check_figure(figure)


@pytest.mark.slow
def test_captchas_of_letters_have_texts_of_letters(tmp_path: Path) -> None:
    workspace, _ = build_workspace(tmp_path, CaptchaSpec("ABCDEF", 5, min_length=3))
    *captchas, script, figure = draw_deployment(workspace)
    sent = [line.split("@")[1].split()[0] for line in script.read_text().splitlines()]
    assert sent == [file.name for file in captchas]
    assert all(set(file.stem) <= set("ABCDEF") for file in captchas[:3])
    assert script.read_text().count("curl") == 3
    check_figure(figure)
