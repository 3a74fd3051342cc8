"""How much each size of the course trains."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config import NetworkName
from trainer.course.workspace import SizeName


@dataclass(frozen=True)
class TrainingSize:
    """The captchas and the length of the runs.

    Attributes:
        network: the network of all comparisons but that of networks.
        captchas: training captchas.
        validation: captchas that measure the accuracy.
        batch_size: captchas per step.
        epochs: of the comparisons of losses and of optimizers.
        rate_epochs: of the comparison of learning rates.
        range_steps: steps of the learning-rate range test.
        networks: the networks that are compared.
        network_minutes: training time of each of them.
    """

    network: NetworkName
    captchas: int
    validation: int
    batch_size: int
    epochs: int
    rate_epochs: int
    range_steps: int
    networks: tuple[NetworkName, ...]
    network_minutes: float


TRAINING_SIZES: dict[SizeName, TrainingSize] = {
    "tiny": TrainingSize("compact", 60, 40, 20, 2, 2, 10, ("compact",), 0.02),
    # The course's network would not learn in the time.
    "small": TrainingSize(
        "compact", 3_000, 500, 50, 8, 8, 240, ("course", "compact", "wide"), 0.4
    ),
    # The numbers of the course.
    "full": TrainingSize(
        "course", 5_000, 1_000, 100, 100, 10, 500,
        ("course", "compact", "wide", "alexnet", "vgg"), 30.0,
    ),
}  # fmt: skip
"""The sizes by name."""
