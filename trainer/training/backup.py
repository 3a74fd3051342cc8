"""Resuming a training: the callback that writes checkpoints, and the base of those it stores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.training.checkpoints import Arrays, Checkpoint, CheckpointStore

log = logging.getLogger(__name__)


class ResumableCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback whose state is part of a checkpoint.

    The Keras callbacks do not restore their state on resume, for example the best value of
    EarlyStopping.
    """

    state_name: str

    def get_state(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the state of a checkpoint."""

    def get_arrays(self) -> dict[str, Arrays]:
        """Return the arrays to store, in named lists."""
        return {}

    def set_arrays(self, arrays: Mapping[str, Arrays]) -> None:
        """Continue with the arrays of a checkpoint."""


class Backup(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a checkpoint after every complete epoch, and resumes from it.

    BackupAndRestore of Keras does not store the state of other callbacks; CheckpointStore describes
    the other differences. An epoch that the time limit cut off is not stored: with more time it is
    repeated.
    """

    def __init__(
        self,
        store: CheckpointStore,
        variables: Sequence[keras.Variable],
        callbacks: Sequence[ResumableCallback],
        is_epoch_complete: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._store, self._variables = store, variables
        self._callbacks, self._is_epoch_complete = callbacks, is_epoch_complete

    @property
    def missing_bytes(self) -> int:
        """How many more bytes the checkpoints will need on disk."""
        return self._store.count_missing_bytes(self._get_arrays())

    def resume(self) -> int:
        """Restore the latest intact checkpoint, if there is one.

        Returns:
            The number of completed epochs.
        """
        checkpoint = self._store.load([tuple(v.shape) for v in self._variables])
        if checkpoint is None:
            return 0
        assign(self._variables, checkpoint.arrays["variables"])
        for callback in self._callbacks:
            callback.set_state(checkpoint.state[callback.state_name])
            callback.set_arrays(checkpoint.arrays)
        log.info("resuming after epoch %d", checkpoint.epoch)
        return checkpoint.epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write a checkpoint if the epoch is complete."""
        if self._is_epoch_complete():
            state = {callback.state_name: callback.get_state() for callback in self._callbacks}
            self._store.save(Checkpoint(epoch + 1, self._get_arrays(), state))

    def _get_arrays(self) -> dict[str, Arrays]:
        arrays = {"variables": snapshot(self._variables)}
        for callback in self._callbacks:
            arrays |= callback.get_arrays()
        return arrays


def snapshot(variables: Sequence[keras.Variable]) -> Arrays:
    """Return copies of the values of variables."""
    return [variable.numpy() for variable in variables]


def assign(variables: Sequence[keras.Variable], arrays: Arrays) -> None:
    """Set the values of variables."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(tf.convert_to_tensor(array))
