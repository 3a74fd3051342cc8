"""The callback that chooses the captchas of each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.config import TrainingConfig
from trainer.data.batches import TrainingBatches
from trainer.data.hard_examples import ErrorRates, measure_error_rates
from trainer.training.backup import ResumableCallback
from trainer.training.metrics import CharacterAccuracy
from trainer.training.training_log import TrainingLog

# Hard-example mining starts after this fraction of the training; before, most examples are hard.
_MINING_STARTS_AT = 0.2


class EpochSampling(ResumableCallback):
    """Chooses the captchas of each epoch, with hard-example mining if it is configured.

    Keras has no hook between a validation and the data of the next epoch, apart from callbacks.
    """

    state_name = "epoch_sampling"

    def __init__(
        self,
        config: TrainingConfig,
        batches: TrainingBatches,
        metric: CharacterAccuracy,
        training_log: TrainingLog,
    ) -> None:
        super().__init__()
        self._config, self._batches = config, batches
        self._metric, self._log = metric, training_log
        self._error_rates: ErrorRates | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Choose the captchas of this epoch."""
        mines = self._config.hard_example_fraction and self._log.progress >= _MINING_STARTS_AT
        self._batches.start_epoch(epoch, self._error_rates if mines else None)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Measure the error rates of the validation that has just ended."""
        self._error_rates = measure_error_rates(self._metric.confusions)

    def get_state(self) -> dict[str, Any]:
        """Return the error rates of the last validation."""
        rates = self._error_rates
        return {"error_rates": None if rates is None else rates.tolist()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the error rates of a checkpoint."""
        rates = state["error_rates"]
        self._error_rates = None if rates is None else np.array(rates)
