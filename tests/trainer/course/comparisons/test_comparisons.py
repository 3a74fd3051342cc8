"""The comparisons on histories that exist already: their figures and tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.trainer.course.runs.fakes import build_rows, build_workspace
from trainer.course.comparisons.learning_rates import compare_learning_rates, list_rate_runs
from trainer.course.comparisons.losses import compare_losses, draw_losses, list_loss_runs
from trainer.course.comparisons.networks import compare_networks, list_network_runs
from trainer.course.comparisons.optimizers import compare_optimizers, list_optimizer_runs
from trainer.course.runs.captchas import digest_captchas
from trainer.course.runs.history import Row, write_history
from trainer.course.runs.optimizers import OPTIMIZERS
from trainer.course.runs.plan import locate_run
from trainer.course.runs.run import Run
from trainer.course.workspace import CourseWorkspace, SizeName


def finish(workspace: CourseWorkspace, run: Run, rows: list[Row]) -> None:
    directory = locate_run(workspace, run)
    directory.mkdir(parents=True, exist_ok=True)
    write_history(directory, rows)


def read(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("compare", "list_runs"),
    [
        (compare_losses, list_loss_runs),
        (compare_optimizers, list_optimizer_runs),
        (compare_learning_rates, list_rate_runs),
        (compare_networks, list_network_runs),
    ],
)
def test_a_comparison_of_finished_runs_writes_a_figure_and_a_row_for_each(
    tmp_path: Path,
    compare: Callable[[CourseWorkspace], list[Path]],
    list_runs: Callable[[SizeName], Sequence[Run]],
) -> None:
    workspace = build_workspace(tmp_path)
    for run in list_runs("tiny"):
        finish(workspace, run, build_rows([2.0, 1.0]))
    figure, table = compare(workspace)
    assert figure.parent == table.parent
    assert figure.parent.parent == tmp_path
    assert figure.stat().st_size < 300_000
    assert Image.open(figure).width > 900
    assert len(read(table)) == len(list_runs("tiny"))


def test_the_table_of_rates_has_the_regime_and_keeps_a_loss_that_is_not_a_number(
    tmp_path: Path,
) -> None:
    workspace = build_workspace(tmp_path)
    *others, last = list_rate_runs("tiny")
    for run in others:
        finish(workspace, run, build_rows([2.3, 2.3]))
    finish(workspace, last, build_rows([math.nan]))
    rows = read(compare_learning_rates(workspace)[1])
    assert [row["regime"] for row in rows] == ["flat"] * len(others) + ["explosion"]
    assert rows[-1]["loss"] == "nan"


def test_the_accuracies_of_the_networks_have_the_columns_that_the_network_table_reads(
    tmp_path: Path,
) -> None:
    workspace = build_workspace(tmp_path)
    (run,) = list_network_runs("tiny")
    finish(workspace, run, build_rows([2.0], exact_match=0.5))
    (row,) = read(compare_networks(workspace)[1])
    assert row["network"] == "compact"
    assert row["digest"] == digest_captchas(workspace)
    assert (row["exact_match"], row["minutes"]) == ("0.5000", f"{run.minutes:g}")
    assert 0 < float(row["low"]) < 0.5 < float(row["high"]) < 1


def test_every_loss_has_a_panel_of_its_own_and_the_score_of_all_zeros_is_drawn() -> None:
    histories = {run: build_rows([2.0, 1.0]) for run in list_loss_runs("small")}
    figure = draw_losses(histories, classes=10)
    panels = figure.axes
    assert [axes.get_title() for axes in panels if axes.get_title().startswith("Loss")] == [
        "Loss: categorical cross-entropy",
        "Loss: binary cross-entropy",
        "Loss: mean squared error",
        "Loss: Poisson",
    ]
    texts = [text.get_text() for text in panels[0].texts]
    assert "0.9000: what answering all zeros scores" in texts


def test_each_optimizer_is_an_optimizer_of_keras() -> None:
    import keras

    for choice in OPTIMIZERS.values():
        built = getattr(keras.optimizers, choice.class_name)(
            choice.learning_rate, **choice.settings
        )
        assert float(built.learning_rate) == pytest.approx(choice.learning_rate)


def test_a_loss_that_is_not_a_number_in_any_epoch_is_drawn(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path)
    first, *others = list_loss_runs("tiny")
    finish(workspace, first, build_rows([math.nan]))
    for run in others:
        finish(workspace, run, build_rows([2.0, 1.0]))
    figure, table = compare_losses(workspace)
    assert Image.open(figure).width > 900
    assert [row["loss"] for row in read(table)] == ["nan", "1", "1", "1"]
