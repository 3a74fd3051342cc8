"""Trainings on earlier styles: what is trained, written, drawn, and not repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.captchas.dataset_archive import Dataset
from tests.conftest import SPEC
from trainer.course.history_results import (
    Start,
    StyleResult,
    draw_history_styles,
    read_results,
    write_results,
)
from trainer.course.history_styles import STYLES, compare_history_styles, digest_training
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.data.splits import Split


class RenderingClient:
    """Renders what a generator would send, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[DatasetRequest] = []

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        from generator_service.rendering.captcha_text import generate_text
        from generator_service.rendering.dataset_batches import render_grey_batch
        from generator_service.rendering.render_options import RenderOptions

        self.requests.append(request)
        spec, stop = request.source.spec, request.start + request.count
        pixels = render_grey_batch(spec, RenderOptions(), request.seed, request.start, stop)
        images = np.frombuffer(pixels, np.uint8).reshape(-1, spec.height, spec.width)
        texts = [generate_text(spec, request.seed, i) for i in range(request.start, stop)]
        yield Dataset(spec, "renderer", request.seed, request.start, images, texts)


def build_workspace(directory: Path, client: RenderingClient) -> CourseWorkspace:
    source = CaptchaSource(SPEC, {}, "renderer")
    return CourseWorkspace(directory, client, source, "tiny")  # type: ignore[arg-type]


@pytest.mark.slow
def test_each_style_is_trained_evaluated_and_drawn_once(tmp_path: Path) -> None:
    client = RenderingClient()
    workspace = build_workspace(tmp_path, client)
    files = compare_history_styles(workspace)
    assert [file.name for file in files] == ["accuracy.csv", "history-styles.png"]
    results = read_results(files[0])
    assert [(r.start, r.style, r.captchas) for r in results] == [
        *(("scratch", style, 40) for style in STYLES),
        *(("bundled", style, count) for style in STYLES for count in (0, 40)),
    ]
    assert all(0 <= r.low_95 <= r.accuracy <= r.high_95 <= 1 and r.n == 20 for r in results)
    # The bundled model reads the library's captchas without any training.
    assert results[len(STYLES)].accuracy > 0.8
    assert {r.seed for r in client.requests if r.split == "train"}.isdisjoint(
        r.seed for r in client.requests if r.split == "test"
    )
    image = Image.open(files[1])
    assert image.width > 800
    assert files[1].stat().st_size < 300_000

    # The second time nothing is trained; only the samples are fetched.
    before, client.requests[:] = files[0].read_bytes(), []
    assert compare_history_styles(workspace) == files
    assert files[0].read_bytes() == before
    assert {r.split for r in client.requests} == {"test"}

    # With another renderer everything is trained again.
    other = replace(workspace, source=replace(workspace.source, renderer_fingerprint="newer"))
    compare_history_styles(other)
    assert {r.split for r in client.requests} == {"test", "train"}
    assert len(read_results(files[0])) == 2 * len(results)


def test_accuracies_of_0_and_1_are_drawn(tmp_path: Path) -> None:
    images = np.zeros((8, SPEC.height, SPEC.width), np.uint8)
    split = Split(SPEC, images, np.zeros((8, SPEC.length), np.int32))
    results = [
        # As the Wilson interval is computed: its ends are off by a rounding error.
        StyleResult("line", "scratch", 100, 400, 0.0, 1e-18, 0.02, 500, "a"),
        StyleResult("line", "scratch", 1_000, 400, 1.0, 0.98, 1 - 1e-16, 500, "a"),
    ]
    draw_history_styles(tmp_path / "figure.png", {"line": split}, results, "the command")
    assert Image.open(tmp_path / "figure.png").width > 800


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    results = [
        StyleResult("gimpy", "scratch", 1_000, 400, 0.25, 0.2, 0.3, 500, "a"),
        StyleResult("line", "bundled", 0, 0, 0.91, 0.88, 0.93, 500, "a"),
    ]
    table = tmp_path / "accuracy.csv"
    assert read_results(table) == []
    write_results(table, results)
    assert read_results(table) == results
    assert [file.name for file in tmp_path.iterdir()] == ["accuracy.csv"]


def test_rows_of_other_captchas_are_other_trainings() -> None:
    results = [
        StyleResult("line", "bundled", 0, 0, accuracy, 0.0, 1.0, 500, digest)
        for accuracy, digest in ((0.1, "4 digits"), (0.9, "5 letters"))
    ]
    assert results[0].key != results[1].key


def test_rows_without_a_digest_are_left_out(tmp_path: Path) -> None:
    table = tmp_path / "accuracy.csv"
    table.write_text(
        "style,start,captchas,steps,accuracy,low_95,high_95,n\nline,bundled,0,0,0.9,0.8,1.0,500\n"
    )
    assert read_results(table) == []


def test_the_digest_changes_with_captchas_seed_and_style(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path, RenderingClient())
    source = workspace.source
    changed = [
        workspace,
        replace(workspace, source=replace(source, spec=replace(SPEC, length=5))),
        replace(workspace, source=replace(source, renderer_fingerprint="newer")),
        replace(workspace, seed=2),
    ]
    starts: tuple[Start, ...] = ("scratch", "bundled")
    digests = {
        digest_training(one, style, start)
        for one in changed
        for style in STYLES
        for start in starts
    }
    assert len(digests) == len(changed) * len(STYLES) * len(starts)
    # The generator's own style is not among what the step trains on.
    line = replace(workspace, source=replace(source, spec=replace(SPEC, style="line")))
    assert digest_training(line, "gimpy", "bundled") == digest_training(
        workspace, "gimpy", "bundled"
    )
