"""Networks: their diagrams and their table."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.architectures import (
    MeasuredAccuracy,
    draw_networks,
    read_accuracies,
)
from trainer.course.runs.captchas import digest_captchas
from trainer.errors import TrainingError
from trainer.networks import NETWORKS

COLUMNS = "network,exact_match,low,high,minutes,epochs,n,digest\n"


def write_accuracies(table: Path, digest: str) -> None:
    table.write_text(f"{COLUMNS}compact,0.7,0.65,0.75,0.4,8,500,{digest}\n")


def test_accuracies_are_read_as_they_were_written(tmp_path: Path) -> None:
    table = tmp_path / "accuracy.csv"
    assert read_accuracies(table, "ours") == {}
    write_accuracies(table, "ours")
    assert read_accuracies(table, "ours") == {"compact": MeasuredAccuracy(0.7, 0.65, 0.75, 0.4)}


def test_accuracies_on_other_captchas_are_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "accuracy.csv"
    write_accuracies(table, "theirs")
    assert read_accuracies(table, "ours") == {}
    table.write_text("network,exact_match,low,high,minutes\ncompact,0.7,0.65,0.75,0.4\n")
    assert read_accuracies(table, "ours") == {}
    assert caplog.text.count("accuracy.csv is of other captchas or another size") == 2


@pytest.mark.parametrize(
    "content",
    ["network,exact_match,digest\ncompact,0.7,ours\n", f"{COLUMNS}wide,a,b,c,d,8,500,ours\n"],
)
def test_another_table_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    table = tmp_path / "accuracy.csv"
    table.write_text(content)
    with pytest.raises(TrainingError, match=r"accuracy\.csv.*course networks"):
        read_accuracies(table, "ours")


@pytest.mark.slow
@pytest.mark.parametrize("has_graphviz", [True, False])
def test_every_network_is_in_the_table(
    tmp_path: Path,
    has_graphviz: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    workspace, _ = build_workspace(tmp_path, SPEC)
    write_accuracies(
        workspace.step_directory("networks") / "accuracy.csv", digest_captchas(workspace)
    )
    if not has_graphviz:
        (tmp_path / "empty").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    elif shutil.which("dot") is None and not os.environ.get("CI"):
        pytest.skip("graphviz is not installed")
    *diagrams, table, figure = draw_networks(workspace)
    assert [file.stem for file in diagrams] == (list(NETWORKS) if has_graphviz else [])
    assert has_graphviz or "install graphviz" in caplog.text
    with table.open(newline="") as file:
        rows = {row["network"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(NETWORKS)
    assert rows["course"]["parameters"] == "1292744"
    assert rows["course"]["multiply_adds"] == "120836480"
    assert rows["compact"]["exact_match"] == "0.7"
    assert rows["course"]["exact_match"] == ""
    assert all(float(row["time_ms"]) > 0 for row in rows.values())
    for one in (*diagrams, figure):
        check_figure(one)
