"""One run: what identifies a training, and the name of its directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.config import NetworkName
from trainer.course.runs.optimizers import OptimizerName

LossName = Literal[
    "categorical_crossentropy", "binary_crossentropy", "mean_squared_error", "poisson"
]


@dataclass(frozen=True)
class Run:
    """The training of one network. Runs with equal fields are the same training.

    Attributes:
        network: name of the architecture, with random initial weights.
        optimizer: name in `OPTIMIZERS`.
        loss: name of a Keras loss, over the classes of each position.
        learning_rate: constant.
        batch_size: captchas per step.
        epochs: passes over the training captchas; 0 if the time ends the run.
        minutes: training time; 0 if the epochs end the run.
    """

    network: NetworkName
    optimizer: OptimizerName
    loss: LossName
    learning_rate: float
    batch_size: int
    epochs: int = 0
    minutes: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.epochs) == bool(self.minutes):
            raise ValueError(
                f"a run ends after epochs or minutes, not {self.epochs}, {self.minutes}"
            )

    @property
    def name(self) -> str:
        """The name of the directory."""
        end = f"epochs_{self.epochs}" if self.epochs else f"minutes_{self.minutes:g}"
        return (
            f"{self.network}_{self.optimizer}_{self.loss}_lr_{self.learning_rate:g}"
            f"_bs_{self.batch_size}_{end}"
        )
