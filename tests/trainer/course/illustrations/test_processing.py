"""From colour to numbers, and from numbers to a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.processing import draw_processing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        (SPEC, ["6046", "3935"]),
        # More classes than fit as numbers, and a varying length.
        (CaptchaSpec("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 6, 200, 80, min_length=4), None),
    ],
)
def test_inputs_outputs_and_channels_are_drawn(
    tmp_path: Path, spec: CaptchaSpec, texts: list[str] | None
) -> None:
    workspace, client = build_workspace(tmp_path, spec)
    files = draw_processing(workspace)
    assert [file.name for file in files] == ["input.png", "output.png", "channels.png"]
    for file in files:
        check_figure(file)
    requested = [parameters["text"] for _, parameters in client.requests]
    assert len(requested) == 2
    assert texts is None or requested == texts
