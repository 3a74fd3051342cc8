"""A backup stores the variables and the state of every callback, and restores them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from trainer.training.backup import Backup, ResumableCallback, assign, snapshot
from trainer.training.checkpoints import Arrays, CheckpointStore


class Counter(ResumableCallback):
    """A callback with a state and, if it has a weight, with arrays."""

    def __init__(self, name: str, count: int, weight: float | None = None) -> None:
        super().__init__()
        self.state_name, self.count, self.weight = name, count, weight

    def get_state(self) -> dict[str, Any]:
        return {"count": self.count}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]

    def get_arrays(self) -> dict[str, Arrays]:
        return {} if self.weight is None else {self.state_name: [np.array(self.weight)]}

    def set_arrays(self, arrays: Mapping[str, Arrays]) -> None:
        if self.weight is not None:
            self.weight = float(arrays[self.state_name][0])


class Training:
    """Two variables and two callbacks whose values all are this number."""

    def __init__(self, directory: Path, number: int, shape: tuple[int, ...] = (2,)) -> None:
        self.variables = [keras.Variable(np.full(shape, number)), keras.Variable(np.array(number))]
        self.callbacks = [Counter("first", number, number), Counter("second", number)]
        self.is_complete = True
        store = CheckpointStore(directory)
        self.backup = Backup(store, self.variables, self.callbacks, lambda: self.is_complete)

    def list_values(self) -> list[object]:
        values = [variable.numpy().tolist() for variable in self.variables]
        return [*values, *((callback.count, callback.weight) for callback in self.callbacks)]


def test_a_training_without_a_checkpoint_starts_at_the_first_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = Training(tmp_path, 7)
    with caplog.at_level(logging.INFO):
        assert training.backup.resume() == 0
    assert training.list_values() == [[7, 7], 7, (7, 7), (7, None)]
    assert caplog.messages == []


def test_variables_and_callbacks_continue_with_the_values_of_the_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Training(tmp_path, 7).backup.on_epoch_end(3)
    training = Training(tmp_path, 1)
    with caplog.at_level(logging.INFO):
        assert training.backup.resume() == 4
    assert training.list_values() == [[7, 7], 7, (7, 7), (7, None)]
    assert caplog.messages == ["resuming after epoch 4"]


def test_an_epoch_that_was_cut_off_is_not_stored(tmp_path: Path) -> None:
    training = Training(tmp_path, 7)
    training.is_complete = False
    training.backup.on_epoch_end(0)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_network_is_not_used(tmp_path: Path) -> None:
    Training(tmp_path, 7, shape=(3,)).backup.on_epoch_end(3)
    training = Training(tmp_path, 1)
    assert training.backup.resume() == 0
    assert training.list_values() == [[1, 1], 1, (1, 1), (1, None)]


def test_the_missing_bytes_are_those_of_variables_and_callbacks(tmp_path: Path) -> None:
    training = Training(tmp_path, 7)
    # Three variables and arrays of 3 + 1 values, in three checkpoints at a time.
    size = sum(array.nbytes for array in snapshot(training.variables)) + np.array(7).nbytes
    assert training.backup.missing_bytes == 3 * size


def test_a_resumable_callback_has_no_state_by_default() -> None:
    callback = ResumableCallback()
    assert callback.get_state() == callback.get_arrays() == {}
    callback.set_state({})
    callback.set_arrays({})


def test_a_snapshot_does_not_change_with_its_variables() -> None:
    variable = keras.Variable(np.array([1.0, 2.0]))
    (values,) = snapshot([variable])
    variable.assign_add([5.0, 5.0])
    assert values.tolist() == [1, 2]
    assign([variable], [values])
    assert variable.numpy().tolist() == [1, 2]


def test_as_many_arrays_as_variables_are_assigned() -> None:
    with pytest.raises(ValueError, match="longer"):
        assign([keras.Variable(np.array(1.0))], [np.array(1.0), np.array(2.0)])
