"""The steps of the course, in its order."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.course.workspace import CourseWorkspace, SizeName

if TYPE_CHECKING:
    from trainer.course.runs.run import Run

StepFunction = Callable[[CourseWorkspace], list[Path]]


@dataclass(frozen=True)
class Step:
    """One step. Its modules are imported when it runs, because TensorFlow takes 5 s.

    Attributes:
        function: "module:function" below `trainer.course`.
        description: what it shows.
        seconds: about how long it takes at the sizes small and full on two cores, without `runs`.
        runs: "module:function" that lists the runs it trains, which other steps can share.
    """

    function: str
    description: str
    seconds: tuple[float, float] = (10, 10)
    runs: str | None = None

    def load(self) -> StepFunction:
        """Return the function."""
        function: StepFunction = _load(self.function)
        return function

    def list_runs(self, size: SizeName) -> Sequence[Run]:
        """Return the runs that the step trains."""
        runs: Sequence[Run] = _load(self.runs)(size) if self.runs else ()
        return runs


STEPS: dict[str, Step] = {
    "dataset": Step(
        "illustrations.dataset:export_dataset",
        "the course's folders of captchas, contact sheets and label statistics",
        (20, 30),
    ),
    "processing": Step(
        "illustrations.processing:draw_processing",
        "from colour to normalised grey, one-hot labels, and how an output is decoded",
    ),
    "networks": Step(
        "comparisons.networks:compare_networks",
        "the exact match of the networks after the same training time",
        (5, 5),
        "comparisons.networks:list_network_runs",
    ),
    "network-table": Step(
        "illustrations.architectures:draw_networks",
        "the networks drawn, and a table of parameters, multiply-adds, times and accuracies",
        (30, 60),
    ),
    "features": Step(
        "illustrations.features:draw_features",
        "filters and feature maps: what convolution extracts",
        (20, 20),
    ),
    "loss-curves": Step(
        "illustrations.loss_curves:draw_loss_curves", "the formulas of the losses as curves"
    ),
    "losses": Step(
        "comparisons.losses:compare_losses",
        "four losses on the same network, captchas and optimizer",
        (5, 5),
        "comparisons.losses:list_loss_runs",
    ),
    "optimizers": Step(
        "comparisons.optimizers:compare_optimizers",
        "eight optimizers, each with a stated learning rate",
        (5, 5),
        "comparisons.optimizers:list_optimizer_runs",
    ),
    "optimizer-paths": Step(
        "illustrations.optimizer_paths:draw_optimizer_paths",
        "the paths of the optimizers on a loss surface and at a saddle point",
        (60, 60),
    ),
    "learning-rates": Step(
        "comparisons.learning_rates:compare_learning_rates",
        "learning rates from 1e-5 to 1: too low, good, too high, exploding",
        (5, 5),
        "comparisons.learning_rates:list_rate_runs",
    ),
    "range-test": Step(
        "comparisons.range_test:run_range_test",
        "the learning rate rises during one run, which suggests a rate",
        (15, 300),
    ),
    "styles": Step(
        "history_styles:compare_history_styles",
        "captchas of earlier years, and how many an attacker needs for each style",
        (120, 3600),
    ),
    "pictures": Step(
        "picture_classifier:solve_pictures", "a classifier that solves the captcha of pictures",
        (60, 300),
    ),
    "sound": Step("illustrations.sound:draw_sound", "the spoken captcha: waveform and spectrogram"),
    "deployment": Step(
        "illustrations.deployment:draw_deployment",
        "the requests of the course, and where the confidences are",
    ),
}  # fmt: skip
"""The steps by name."""


def _load(reference: str) -> Any:
    module, name = reference.split(":")
    return getattr(importlib.import_module(f"trainer.course.{module}"), name)
