"""The classifier of pictures: on hand-written questions, and on those of a generator."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from shared.http.schemas import PicturesBody
from tests.conftest import SPEC
from trainer.course.picture_classifier import build_tile_classifier, solve_pictures
from trainer.course.picture_question import choose_tiles, decode_tile
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.generator_client import GeneratorClient
from trainer.errors import GeneratorError

COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}


def send_colours(request: httpx.Request) -> httpx.Response:
    """Send a question about coloured tiles."""
    seed = int(request.url.params["seed"])
    rng = np.random.default_rng(seed)
    words = ["red", *rng.choice(list(COLOURS), 7).tolist()]
    body = PicturesBody(
        question="red",
        tiles=[encode_tile(COLOURS[word]) for word in words],
        answer=[i for i, word in enumerate(words) if word == "red"],
        words=words,
        seed=seed,
    )
    return httpx.Response(200, json=body.model_dump())


def encode_tile(colour: tuple[int, int, int]) -> str:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, format="png")
    return base64.b64encode(out.getvalue()).decode()


def build_workspace(directory: Path, handler: object) -> CourseWorkspace:
    transport = httpx.MockTransport(handler)  # type: ignore[arg-type]
    http = httpx.Client(transport=transport, base_url="http://generator")
    client = GeneratorClient(http, directory / "cache", sleep=lambda _: None)
    return CourseWorkspace(directory, client, CaptchaSource(SPEC, {}, "renderer"), "tiny")


def test_a_table_and_a_figure_are_written(tmp_path: Path) -> None:
    files = solve_pictures(build_workspace(tmp_path, send_colours))
    assert [file.name for file in files] == ["accuracy.csv", "solved-question.png"]
    assert {file.parent for file in files} == {tmp_path / "pictures"}
    tile, question = csv.DictReader(files[0].read_text().splitlines())
    assert (tile["measured"], tile["n"], tile["training_tiles"]) == ("tile", "80", "320")
    assert (question["measured"], question["n"]) == ("question", "10")
    for row in (tile, question):
        low, accuracy, high = (float(row[name]) for name in ("low_95", "accuracy", "high_95"))
        assert 0 <= low <= accuracy <= high <= 1
    image = Image.open(files[1])
    assert image.width > 600
    assert files[1].stat().st_size < 300_000


def test_without_a_generator_the_step_fails_with_its_message(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path, lambda _: httpx.Response(404))
    with pytest.raises(GeneratorError, match="the generator rejects the request: 404"):
        solve_pictures(workspace)


def test_the_network_has_tens_of_thousands_of_weights() -> None:
    model = build_tile_classifier(30)
    assert 20_000 < model.count_params() < 100_000
    assert model.output_shape == (None, 30)


def test_the_tiles_whose_likeliest_word_is_asked_for_are_chosen() -> None:
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], np.float32)
    assert choose_tiles(probabilities, 0) == [0, 2]
    assert choose_tiles(probabilities, 1) == [1]


def test_a_tile_is_decoded_to_its_pixels() -> None:
    pixels = decode_tile(encode_tile((1, 2, 3)))
    assert pixels.shape == (64, 64, 3)
    assert (pixels == [1, 2, 3]).all()
