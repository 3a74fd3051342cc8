"""The course's folders of captchas: files, numbers and figures."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.dataset import expect_distinct, export_dataset
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource
from trainer.errors import GeneratorError


def test_the_folders_have_one_file_in_colour_per_label(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = CaptchaSpec("0123456789", 2)
    workspace, client = build_workspace(tmp_path, spec)
    with caplog.at_level(logging.INFO):
        train, test, summary, sheet, statistics = export_dataset(workspace)
    found = json.loads(summary.read_text())
    for folder, rendered in ((train, 60), (test, 20)):
        names = [file.stem for file in folder.iterdir()]
        for name in names:
            spec.check_text(name)
        numbers = found[folder.name]
        assert (numbers["captchas"], numbers["files"]) == (rendered, len(names))
        assert numbers["expected_files"] == round(100 * (1 - 0.99**rendered), 1)
    # 60 of 100 labels: some repeat.
    repeated = 60 - found["train"]["files"]
    assert repeated > 0
    assert (
        f"train: 60 captchas collapse to {60 - repeated} files, because {repeated}" in caplog.text
    )
    assert Image.open(next(train.iterdir())).mode == "RGB"
    assert len({parameters["seed"] for _, parameters in client.requests}) == 2
    check_figure(sheet)
    check_figure(statistics)


def test_an_earlier_folder_is_replaced(tmp_path: Path) -> None:
    workspace, _ = build_workspace(tmp_path, SPEC)
    old = workspace.step_directory("dataset") / "train" / "old.png"
    old.parent.mkdir()
    old.write_bytes(b"")
    train, *_ = export_dataset(workspace)
    assert not old.exists()
    assert any(train.iterdir())


@pytest.mark.parametrize(
    ("spec", "count", "expected"),
    [
        (CaptchaSpec("01", 1), 1, 1.0),
        (CaptchaSpec("01", 1), 2, 1.5),
        # A length of 1 or 2: 2 + 4 labels, with probabilities 1/4 and 1/8 each.
        (CaptchaSpec("01", 2, min_length=1), 1, 1.0),
        (CaptchaSpec("01", 2, min_length=1), 2, 2 * (1 - 0.75**2) + 4 * (1 - 0.875**2)),
        (CaptchaSpec("0", 1), 5, 1.0),
        # The course's numbers.
        (SPEC, 5_000, 3934.8),
        # Labels hardly ever repeat among 94^16.
        (CaptchaSpec("".join(map(chr, range(97, 123))), 16), 1_000, 1_000.0),
    ],
)
def test_the_expected_number_of_labels_is_exact(
    spec: CaptchaSpec, count: int, expected: float
) -> None:
    assert expect_distinct(spec, count) == pytest.approx(expected, rel=1e-4)


class DamagingClient:
    def get(self, route: str, parameters: Mapping[str, str | int]) -> bytes:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("1234_0.png", b"pixels")
        return body.getvalue()[:-10]


def test_a_truncated_archive_is_an_error_of_the_generator(tmp_path: Path) -> None:
    source = CaptchaSource(SPEC, {}, "renderer")
    workspace = CourseWorkspace(tmp_path, DamagingClient(), source, "tiny")  # type: ignore[arg-type]
    with pytest.raises(GeneratorError, match="damaged"):
        export_dataset(workspace)
