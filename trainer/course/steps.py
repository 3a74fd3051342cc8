"""The steps of the course in their order, and running them."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.course.workspace import CourseWorkspace
from trainer.errors import TrainerError

log = logging.getLogger(__name__)

RunStep = Callable[[CourseWorkspace], list[Path]]


@dataclass(frozen=True)
class Step:
    """A step of the course.

    Attributes:
        description: for the list of steps.
        function: `module:function` in this package, a `RunStep`. It is imported when the step runs,
            because TensorFlow takes seconds.
        list_runs: `module:function` that returns the trainings of a size; empty if the step trains
            nothing that is planned beforehand.
    """

    description: str
    function: str
    list_runs: str = ""

    def run(self, workspace: CourseWorkspace) -> list[Path]:
        """Run the step and return the files that it wrote."""
        written: list[Path] = load(self.function)(workspace)
        return written


STEPS: dict[str, Step] = {
    "dataset": Step(
        "the folders of the course, and what is in them",
        "illustrations.dataset:export_dataset",
    ),
    "processing": Step(
        "from colour to the input, from the output to the text",
        "illustrations.processing:draw_processing",
    ),
    "networks": Step(
        "trains networks for the same time",
        "comparisons.networks:compare_networks",
        "comparisons.networks:list_network_runs",
    ),
    "network-table": Step(
        "draws networks; a table of size, speed and accuracy",
        "illustrations.architectures:draw_networks",
    ),
    "features": Step(
        "filters and feature maps of the course's network",
        "illustrations.features:draw_features",
    ),
    "loss-curves": Step(
        "draws the formulas of the losses",
        "illustrations.loss_curves:draw_loss_curves",
    ),
    "losses": Step(
        "trains with four losses",
        "comparisons.losses:compare_losses",
        "comparisons.losses:list_loss_runs",
    ),
    "optimizers": Step(
        "trains with eight optimizers",
        "comparisons.optimizers:compare_optimizers",
        "comparisons.optimizers:list_optimizer_runs",
    ),
    "optimizer-paths": Step(
        "paths of optimizers on surfaces",
        "illustrations.optimizer_paths:draw_optimizer_paths",
    ),
    "learning-rates": Step(
        "trains with learning rates from 1e-5 to 1",
        "comparisons.learning_rates:compare_learning_rates",
        "comparisons.learning_rates:list_rate_runs",
    ),
    "range-test": Step(
        "finds a learning rate in one short run",
        "comparisons.range_test:run_range_test",
    ),
    "styles": Step(
        "trains on captchas of earlier years",
        "history_styles:compare_history_styles",
    ),
    "pictures": Step(
        "trains a classifier that solves picture captchas",
        "picture_classifier:solve_pictures",
    ),
    "sound": Step(
        "waveform and spectrogram of a spoken captcha",
        "illustrations.sound:draw_sound",
    ),
    "deployment": Step(
        "the requests of the course to the service",
        "illustrations.deployment:draw_deployment",
    ),
}
"""The steps by name, in the order of the course."""


def load(name: str) -> Any:
    """Import `module:function` of this package."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)


def run_steps(
    workspace: CourseWorkspace, names: Sequence[str], steps: Mapping[str, Step] = STEPS
) -> list[str]:
    """Run steps one after the other. A step that fails does not end the others.

    Args:
        workspace: what the steps get.
        names: keys of `steps`.
        steps: the steps by name.

    Returns:
        The names of the steps that failed.
    """
    failed: list[str] = []
    for number, name in enumerate(names, start=1):
        log.info("step %d of %d: %s", number, len(names), name)
        started = time.monotonic()
        try:
            files = steps[name].run(workspace)
        except (TrainerError, OSError) as error:
            log.error("step %s failed: %s", name, error)
            failed.append(name)
        except Exception:
            log.exception("step %s failed", name)
            failed.append(name)
        else:
            seconds = time.monotonic() - started
            log.info("step %s took %.0f s: %s", name, seconds, ", ".join(map(str, files)))
    return failed
