"""The networks: each drawn with its shapes, and all of them in one table."""

from __future__ import annotations

import csv
import logging
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from trainer.config import NetworkName
from trainer.course.figure_file import save_figure, save_image
from trainer.course.illustrations.network_costs.multiply_adds import count_multiply_adds
from trainer.course.illustrations.network_costs.prediction_times import measure_times
from trainer.course.runs.captchas import digest_captchas
from trainer.course.table_file import write_table
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.errors import TrainingError
from trainer.evaluation.figures import plot_network
from trainer.networks import NETWORKS

log = logging.getLogger(__name__)

_STEP = "network-table"
_GREYS = 8
_REPETITIONS: dict[SizeName, int] = {"tiny": 3, "small": 60, "full": 300}


@dataclass(frozen=True)
class MeasuredAccuracy:
    """Exact match of a network after a training time that is the same for all.

    Attributes:
        exact_match: share of captchas with every character right.
        low: lower end of the 95 % interval.
        high: upper end.
        minutes: training time.
    """

    exact_match: float
    low: float
    high: float
    minutes: float


@dataclass(frozen=True)
class NetworkRow:
    """A row of the table.

    Attributes:
        network: name of the architecture.
        parameters: all parameters, with the means and variances of normalisation.
        multiply_adds: for one image.
        time_ms: median CPU time for one image with one thread.
        accuracy: None if the network was not trained.
    """

    network: NetworkName
    parameters: int
    multiply_adds: int
    time_ms: float
    accuracy: MeasuredAccuracy | None


def draw_networks(workspace: CourseWorkspace) -> list[Path]:
    """Draw each network with its shapes, and write the table of all of them.

    The accuracies are those of the step `networks`, if it has run with these captchas, this size
    and this seed.

    Returns:
        `<network>.png` for each network that could be drawn, `network-table.csv` and
        `network-table.png`.

    Raises:
        TrainingError: if the accuracies of the step `networks` cannot be read.
    """
    directory, spec = workspace.step_directory(_STEP), workspace.source.spec
    command = workspace.describe_command(_STEP)
    accuracies = read_accuracies(
        workspace.step_directory("networks") / "accuracy.csv", digest_captchas(workspace)
    )
    times = measure_times(tuple(NETWORKS), spec, _REPETITIONS[workspace.size])
    files: list[Path] = []
    rows: list[NetworkRow] = []
    for name, build in NETWORKS.items():
        network = build(spec)
        files += _draw_diagram(network, directory / f"{name}.png", command)
        rows.append(
            NetworkRow(
                name,
                network.count_params(),
                count_multiply_adds(network),
                times[name],
                accuracies.get(name),
            )
        )
    rows.sort(key=lambda row: row.multiply_adds)
    return [
        *files,
        write_table(directory / "network-table.csv", [_list_columns(row) for row in rows]),
        _draw_table(directory / "network-table.png", command, rows),
    ]


def read_accuracies(table: Path, digest: str) -> dict[str, MeasuredAccuracy]:
    """Return the accuracy by network; nothing if the table does not exist or has another digest.

    Args:
        table: of the step `networks`.
        digest: of the captchas, the size and the seed.

    Raises:
        TrainingError: if it is not such a table.
    """
    if not table.exists():
        return {}
    try:
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        # Tables of earlier releases have no digest.
        if any(row.get("digest") != digest for row in rows):
            log.warning(
                "%s is of other captchas or another size: run the step networks again", table
            )
            return {}
        return {
            row["network"]: MeasuredAccuracy(
                *(float(row[name]) for name in ("exact_match", "low", "high", "minutes"))
            )
            for row in rows
        }
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{table} is not a table of accuracies ({error}): remove it, and run"
            " `docker compose run --rm trainer course networks` again"
        ) from error


def _draw_diagram(network: keras.Model, target: Path, command: str) -> list[Path]:
    """Draw a network; return no file if graphviz is missing, which the log says."""
    target.unlink(missing_ok=True)
    plot_network(network, target)
    if not target.exists():
        log.warning("%s: install graphviz (its program `dot`) and pydot", target.name)
        return []
    # A few greys keep the file of black and white text below 300 kB.
    diagram = Image.open(target).convert("L").quantize(_GREYS).convert("RGB")
    caption = (
        f"The network {network.name}: layers with their shapes (batch, height, width, channels)"
    )
    return [save_image(diagram, target, command, caption)]


def _list_columns(row: NetworkRow) -> dict[str, object]:
    """Return the columns of a row; those of the accuracy are empty without a training."""
    untrained = {field.name: "" for field in fields(MeasuredAccuracy)}
    return {
        "network": row.network,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "time_ms": round(row.time_ms, 3),
        **(asdict(row.accuracy) if row.accuracy else untrained),
    }


def _draw_table(target: Path, command: str, rows: list[NetworkRow]) -> Path:
    """Draw each column of the table as bars with their numbers."""
    figure = Figure(figsize=(11, 0.42 * len(rows) + 1.4), layout="constrained")
    figure.suptitle("The networks, from the fewest to the most multiply-adds")
    parameters, multiply_adds, times, accuracies = figure.subplots(1, 4, sharey=True)
    _draw_bars(parameters, [row.parameters / 1e6 for row in rows], "{:.2f}")
    parameters.set_xlabel("parameters (million)")
    parameters.set_yticks(range(len(rows)), [row.network for row in rows])
    parameters.invert_yaxis()
    _draw_bars(multiply_adds, [row.multiply_adds / 1e6 for row in rows], "{:.1f}")
    multiply_adds.set_xlabel("multiply-adds per image (million)")
    _draw_bars(times, [row.time_ms for row in rows], "{:.2f}")
    times.set_xlabel("CPU time per image (ms),\none core, median")
    _draw_accuracies(accuracies, rows)
    return save_figure(figure, target, command)


def _draw_bars(axes: Axes, values: list[float], form: str) -> None:
    bars = axes.barh(range(len(values)), values, color="#c8d4e3", edgecolor="#222222")
    axes.bar_label(bars, [form.format(value) for value in values], fontsize=8, padding=2)
    axes.set_xlim(0, 1.25 * max(values))
    axes.grid(axis="x", alpha=0.3)


def _draw_accuracies(axes: Axes, rows: list[NetworkRow]) -> None:
    minutes = {row.accuracy.minutes for row in rows if row.accuracy}
    for position, row in enumerate(rows):
        found = row.accuracy
        if found is None:
            axes.text(0.02, position, "not trained", va="center", fontsize=8, style="italic")
            continue
        below = max(0.0, found.exact_match - found.low)
        above = max(0.0, found.high - found.exact_match)
        axes.barh(
            position, found.exact_match, xerr=([below], [above]), capsize=3, color="#c8d4e3",
            edgecolor="#222222",
        )  # fmt: skip
        axes.text(found.high + 0.03, position, f"{found.exact_match:.1%}", va="center", fontsize=8)
    axes.set_xlim(0, 1.25)
    axes.set_xticks((0, 0.5, 1))
    axes.grid(axis="x", alpha=0.3)
    after = f" after {min(minutes):g} min" if len(minutes) == 1 else ""
    axes.set_xlabel(f"exact match{after}\n(bars: 95 % interval)")
