"""A training resumes exactly, stops for a reason, and ends with the weights that are kept."""

from __future__ import annotations

import dataclasses
import io
import logging
import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from tests.trainer.conftest import change
from tests.trainer.training.tiny_training import (
    CONFIG,
    SPEC,
    SPLITS,
    TWO_EXECUTIONS,
    Interrupted,
    InterruptingStream,
    build_network,
    build_split,
    train,
)
from trainer.config import TrainingConfig
from trainer.data.batches import TrainingBatches
from trainer.data.splits import Split, Splits
from trainer.errors import DiskSpaceError, TrainingError
from trainer.evaluation.accuracy import evaluate
from trainer.networks.tta import TestTimeAugmentation
from trainer.publishing.export import export, load_exported
from trainer.training.backup import snapshot
from trainer.training.batch_norm import recalibrate
from trainer.training.checkpoints import Arrays
from trainer.training.fit import FitResult, _training_errors
from trainer.training.optimizers import KernelMuon
from trainer.training.training_log import TrainingHistory, TrainingLog

COSINE = change(CONFIG, schedule="cosine", hard_example_fraction=0.5, optimizer="muon")

ONE_EPOCH = change(CONFIG, epochs=9, target_accuracy=0.01, tta_views=2, augment_fraction=1.0)


@dataclasses.dataclass
class Training:
    """A finished training."""

    directory: Path
    result: FitResult

    @property
    def history(self) -> TrainingHistory:
        return self.result.history

    @property
    def weights(self) -> Arrays:
        weights: Arrays = self.result.model.get_weights()
        return weights


def run(config: TrainingConfig, directory: Path, **arguments: Any) -> Training:
    return Training(directory, train(config, directory, **arguments))


@pytest.fixture(scope="module")
def cosine(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Return an uninterrupted training of three epochs with a cosine schedule."""
    return run(COSINE, tmp_path_factory.mktemp("cosine"))


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Return a training with two views that reaches its target accuracy in the first epoch."""
    return run(ONE_EPOCH, tmp_path_factory.mktemp("one_epoch"))


@pytest.fixture(scope="module")
def worsening(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Return a training whose validation accuracy falls from 1 to 0 in the second epoch."""
    validation = SPLITS.validation
    validation = dataclasses.replace(validation, labels=np.zeros_like(validation.labels))
    return worsen(validation, tmp_path_factory.mktemp("worsening"))


def worsen(validation: Split, directory: Path) -> Training:
    """Train a network that predicts zeros after the first epoch, and ones after the second.

    All training captchas are ones. The network sees no image. It prefers zeros at first, by 0.36;
    each of the six steps of an epoch changes that by 0.04.
    """
    images = layers.Input((SPEC.height, SPEC.width), dtype="uint8")
    bias = keras.initializers.Constant([0.18, -0.18, 0.18, -0.18])
    x = layers.Dense(4, bias_initializer=bias)(layers.Flatten()(layers.Rescaling(0.0)(images)))
    network = keras.Model(images, layers.Softmax()(layers.Reshape((2, 2))(x)))
    train_split = dataclasses.replace(SPLITS.train, labels=np.ones_like(SPLITS.train.labels))
    splits = Splits(train_split, validation, SPLITS.test)
    config = change(CONFIG, schedule="constant", epochs=9, patience=1)
    return run(config, directory, network=network, splits=splits)


def assert_equal(found: Arrays, expected: Arrays) -> None:
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b)


def assert_same_training(found: Training, expected: Training) -> None:
    assert_equal(found.weights, expected.weights)
    optimizers = [training.result.model.optimizer for training in (found, expected)]
    assert_equal(*(snapshot(optimizer.variables) for optimizer in optimizers))
    histories = [dataclasses.asdict(training.history) for training in (found, expected)]
    for history in histories:
        assert history.pop("elapsed_s") > 0
        assert all(row.pop("elapsed_s") > 0 for row in history["epochs"])
    assert histories[0] == histories[1]


def weights_after(epoch: int, training: Training) -> Arrays:
    """Return the weights that the checkpoint of an epoch holds."""
    with np.load(training.directory / f"epoch-{epoch:05d}.npz") as archive:
        return [archive[f"variables/{i:04d}"] for i in range(len(training.weights))]


# Resuming


def interrupt(config: TrainingConfig, directory: Path, *epochs: int) -> Training:
    """Interrupt a training in these epochs, from 1, and resume it each time."""
    for epoch in epochs:
        with pytest.raises(Interrupted):
            train(config, directory, stream=InterruptingStream(epoch))
    return run(config, directory)


def test_a_training_with_a_cosine_that_is_interrupted_after_every_epoch_ends_alike(
    cosine: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        interrupted = interrupt(COSINE, tmp_path, 2, 3)
    assert_same_training(interrupted, cosine)
    resumes = [message for message in caplog.messages if message.startswith("resuming")]
    assert resumes == ["resuming after epoch 1", "resuming after epoch 2"]


def test_a_training_with_a_constant_rate_that_is_interrupted_after_every_epoch_ends_alike(
    tmp_path: Path,
) -> None:
    config = change(CONFIG, schedule="constant", epochs=2)
    whole = run(config, tmp_path / "whole")
    assert_same_training(interrupt(config, tmp_path / "interrupted", 2), whole)


def test_an_adaptive_training_that_is_interrupted_before_and_after_a_change_ends_alike(
    tmp_path: Path,
) -> None:
    config = change(
        CONFIG,
        schedule="adaptive",
        learning_rate=1e-6,
        batch_size=TWO_EXECUTIONS,
        epochs=4,
        hard_example_fraction=0.5,
    )
    whole = run(config, tmp_path / "whole")
    (raised,) = whole.history.rate_changes
    assert raised.step == 90  # the sixth observation: the last one of the third epoch
    assert_same_training(interrupt(config, tmp_path / "interrupted", 3, 4), whole)


def test_with_a_damaged_checkpoint_a_training_resumes_one_epoch_earlier_and_ends_alike(
    cosine: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Interrupted):
        train(COSINE, tmp_path, stream=InterruptingStream(3))
    latest = tmp_path / "epoch-00002.npz"
    latest.write_bytes(latest.read_bytes()[:-100])
    with caplog.at_level(logging.INFO):
        resumed = run(COSINE, tmp_path)
    assert "resuming after epoch 1" in caplog.messages
    assert f"checkpoint {latest} is unusable" in caplog.text
    assert_same_training(resumed, cosine)


def test_a_finished_training_is_not_started_again(cosine: Training, tmp_path: Path) -> None:
    shutil.copytree(cosine.directory, tmp_path, dirs_exist_ok=True)
    stream = InterruptingStream(4)
    again = run(COSINE, tmp_path, stream=stream)
    assert stream.getvalue() == ""
    assert again.history == cosine.history
    assert_equal(again.weights, cosine.weights)


# What is recorded


def test_an_epoch_has_all_columns(cosine: Training, tmp_path: Path) -> None:
    cosine.history.write_csv(tmp_path / "history.csv")
    header, *rows = (tmp_path / "history.csv").read_text().splitlines()
    assert set(header.split(",")) == {
        "epoch",
        "loss",
        "exact_match",
        "character_accuracy",
        "val_loss",
        "val_exact_match",
        "val_character_accuracy",
        "learning_rate",
        "elapsed_s",
    }
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]


def test_every_step_is_counted(cosine: Training) -> None:
    assert cosine.history.steps_per_epoch == 6
    assert cosine.history.steps == 18
    assert [point.epochs for point in cosine.history.points] == [1, 2, 3]
    assert cosine.result.model.optimizer.iterations == 18


def test_the_cosine_ends_at_a_hundredth_of_its_peak(cosine: Training) -> None:
    first, _, last = (row["learning_rate"] for row in cosine.history.epochs)
    # 18 steps, two of them warm-up; the sixth is a quarter of the decay.
    assert first == pytest.approx(0.02 * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi / 4))))
    assert last == pytest.approx(0.0002, rel=1e-5)


def test_the_last_line_names_the_stop_reason_and_the_kept_epoch(
    cosine: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(cosine.directory, tmp_path, dirs_exist_ok=True)
    accuracies = [row["val_exact_match"] for row in cosine.history.epochs]
    assert accuracies[-1] == max(accuracies)
    with caplog.at_level(logging.INFO):
        run(COSINE, tmp_path)
    assert caplog.messages == [
        "resuming after epoch 3",
        "training stopped after epoch 3: all 3 epochs are done; the weights are those of epoch 3",
    ]


def test_tensorboard_finds_the_figures_of_every_epoch(cosine: Training) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("train", "validation"):
        events = EventAccumulator(str(cosine.directory / name))
        events.Reload()
        tags = set(events.Tags()["tensors"])
        assert {"epoch_loss", "epoch_exact_match", "epoch_character_accuracy"} <= tags
        assert "keras" not in tags  # the graph, which would be megabytes
        assert [event.step for event in events.Tensors("epoch_loss")] == [0, 1, 2]


def test_the_training_is_compiled_as_configured(cosine: Training) -> None:
    assert type(cosine.result.model.optimizer) is KernelMuon
    assert cosine.result.model.optimizer.weight_decay == COSINE.weight_decay
    assert cosine.result.model.loss == "categorical_crossentropy"


# Validation and weights


def test_the_weights_are_those_of_the_best_epoch(worsening: Training) -> None:
    assert [row["val_exact_match"] for row in worsening.history.epochs] == [1, 0]
    assert_equal(worsening.weights, weights_after(1, worsening))
    assert not np.array_equal(worsening.weights[1], weights_after(2, worsening)[1])


def test_the_weights_are_those_of_a_later_epoch_that_is_worse_by_chance(tmp_path: Path) -> None:
    # 21 captchas of zeros and 19 of ones: the standard error is 7.5 percentage points. That of the
    # 120 training captchas would be 4.5.
    validation = build_split(40, 2)
    labels = np.repeat([0, 1], [21, 19])[:, np.newaxis].repeat(2, axis=1).astype(np.int32)
    training = worsen(dataclasses.replace(validation, labels=labels), tmp_path)
    accuracies = [row["val_exact_match"] for row in training.history.epochs]
    assert accuracies == pytest.approx([0.525, 0.475])
    assert_equal(training.weights, weights_after(2, training))


def test_the_training_stops_without_a_better_accuracy_in_as_many_epochs_as_patience(
    worsening: Training,
) -> None:
    assert worsening.history.stop_reason == (
        "no validation accuracy in 1 epochs was better than the 100.00% of epoch 1"
    )


def test_the_training_stops_at_the_target_accuracy(one_epoch: Training) -> None:
    (row,) = one_epoch.history.epochs
    assert one_epoch.history.stop_reason == (
        f"the validation accuracy of {row['val_exact_match']:.2%} reaches the target of 1.00%"
    )


def test_the_validation_predicts_as_the_exported_model_does(
    one_epoch: Training, tmp_path: Path
) -> None:
    model, validation = one_epoch.result.model, SPLITS.validation
    assert isinstance(model, TestTimeAugmentation)
    export(model, SPEC, tmp_path)
    predict = load_exported(tmp_path)
    (row,) = one_epoch.history.epochs
    expected = evaluate(predict, validation)
    assert row["val_exact_match"] == pytest.approx(expected.accuracy.accuracy)
    assert row["val_character_accuracy"] == pytest.approx(expected.character_accuracy)
    truth = np.eye(SPEC.classes)[validation.labels]
    probabilities = (predict(validation.images[:]) * truth).sum(axis=-1)
    assert row["val_loss"] == pytest.approx(-np.log(probabilities).mean(), rel=1e-5)
    # A single view predicts something else.
    single = evaluate(lambda images: model.recogniser(images).numpy(), validation)
    assert not np.array_equal(single.predictions, expected.predictions)


def test_the_statistics_of_batch_normalisation_are_those_of_plain_captchas(
    one_epoch: Training,
) -> None:
    expected = build_network()
    expected.set_weights(one_epoch.weights)
    expected(np.zeros((20, SPEC.height, SPEC.width), np.uint8), training=True)
    assert not np.allclose(expected.get_weights()[2], one_epoch.weights[2])
    batches = TrainingBatches(SPLITS.train, ONE_EPOCH)
    batches.start_epoch(0)
    recalibrate(expected, batches.iterate_plain())
    for a, b in zip(expected.get_weights(), one_epoch.weights, strict=True):
        assert np.allclose(a, b, rtol=1e-6)


def test_the_weights_are_averaged_with_the_initial_ones(
    cosine: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = change(COSINE, initial_weights_fraction=0.25)
    with pytest.raises(Interrupted):
        train(config, tmp_path, stream=InterruptingStream(3))
    with caplog.at_level(logging.INFO):
        resumed = run(config, tmp_path)
    assert "weights are those of epoch 3, averaged with 0.25 of the initial ones" in caplog.text
    initial = build_network().get_weights()
    for found, first, trained in zip(resumed.weights, initial, cosine.weights, strict=True):
        assert np.allclose(found, 0.25 * first + 0.75 * trained, rtol=1e-6, atol=1e-7)
        assert not np.allclose(first, trained)


# Time limit


def test_a_time_limit_cuts_an_epoch_which_a_higher_limit_repeats(tmp_path: Path) -> None:
    config = change(
        CONFIG,
        schedule="cosine",
        batch_size=TWO_EXECUTIONS,
        epochs=2,
        max_minutes=1e-6,
        optimizer="adam",
        loss="binary_crossentropy",
    )
    cut = run(config, tmp_path)
    assert cut.history.stop_reason == "the time limit of 1e-06 minutes is reached"
    assert cut.history.is_out_of_time
    (row,) = cut.history.epochs
    assert row["epoch"] == 0.8333  # after one of two executions, 25 of 30 steps
    assert cut.history.steps == 25
    assert math.isfinite(row["val_loss"])
    # The cosine follows the time, which is over.
    assert row["learning_rate"] == pytest.approx(0.0002, rel=1e-5)
    assert list(tmp_path.glob("epoch-*")) == []
    assert type(cut.result.model.optimizer) is keras.optimizers.Adam
    assert cut.result.model.loss == "binary_crossentropy"

    more = run(change(config, max_minutes=60.0), tmp_path)
    assert more.history.stop_reason == "all 2 epochs are done"
    assert not more.history.is_out_of_time
    assert [row["epoch"] for row in more.history.epochs] == [1, 2]
    assert more.history.steps == 60

    # Without time left, a resumed training ends at once, with the weights that are kept.
    stream = InterruptingStream(3)
    over = run(change(config, epochs=3), tmp_path, stream=stream)
    assert over.history.is_out_of_time
    assert over.history.stop_reason == "the time limit of 1e-06 minutes is reached"
    assert_equal(over.weights, more.weights)


# Failures


class Fragile(layers.Layer):  # type: ignore[misc]
    """A bias for each class that becomes NaN as soon as one of its values exceeds 2."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.bias = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return x + ops.where(ops.max(ops.abs(self.bias)) > 2, math.nan, self.bias)


class Failing(layers.Layer):  # type: ignore[misc]
    """A layer that fails when it is trained."""

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            raise RuntimeError("the layer is broken")
        return x


class Greedy(layers.Layer):  # type: ignore[misc]
    """A layer that needs more memory than any computer has."""

    def call(self, x: Any) -> Any:
        petabytes = tf.random.uniform((tf.cast(tf.shape(x)[0], tf.int64) * 2**48,))
        return x + tf.reduce_sum(petabytes)


def build_with(layer: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(1)
    images = layers.Input((SPEC.height, SPEC.width), dtype="uint8")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(images))
    x = layers.Dense(SPEC.length * SPEC.classes, kernel_initializer="zeros")(x)
    x = layers.Reshape((SPEC.length, SPEC.classes))(layer(x))
    return keras.Model(images, layers.Softmax()(x))


FRAGILE = change(CONFIG, batch_size=TWO_EXECUTIONS, learning_rate=10.0, weight_decay=0.0)


def test_a_loss_that_is_not_finite_ends_a_training_with_the_learning_rate(tmp_path: Path) -> None:
    config = change(FRAGILE, schedule="constant")
    with pytest.raises(
        TrainingError,
        match=r"^the loss became nan: the learning rate 10 is too high; lower it, or use the"
        r" adaptive schedule$",
    ):
        train(config, tmp_path, network=build_with(Fragile()))
    assert list(tmp_path.glob("epoch-*")) == []


def test_the_adaptive_schedule_restores_the_network_and_lowers_the_rate(tmp_path: Path) -> None:
    config = change(FRAGILE, schedule="adaptive")
    training = run(config, tmp_path, network=build_with(Fragile()))
    changes = training.history.rate_changes
    assert (changes[0].step, changes[0].reason) == (25, "the loss became nan")
    assert (changes[1].step, changes[1].reason) == (30, "the loss became nan")
    rates = [change.learning_rate for change in changes]
    assert rates == pytest.approx([10 * 0.3 ** (i + 1) for i in range(len(changes))])
    assert all(change.restores for change in changes)
    assert all(np.isfinite(array).all() for array in training.weights)
    last = training.history.epochs[-1]
    assert last["learning_rate"] == pytest.approx(rates[-1])
    assert math.isfinite(last["loss"])
    assert math.isfinite(last["val_loss"])


def test_an_error_before_the_first_step_is_not_taken_for_a_high_learning_rate(
    tmp_path: Path,
) -> None:
    with pytest.raises(RuntimeError, match="the layer is broken"):
        train(CONFIG, tmp_path, network=build_with(Failing()))


def test_too_little_memory_for_a_batch_ends_a_training_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        train(CONFIG, tmp_path, network=build_with(Greedy()))
    assert re.fullmatch(
        r"memory or disk space is exhausted, with batches of 20 captchas:"
        r" OOM when allocating tensor with shape.*",
        str(caught.value),
    )


def test_a_full_disk_ends_a_training_with_one_line(tmp_path: Path) -> None:
    message = "graph execution\nFailed to flush events: /data/events; No space left on device\nmore"
    with (
        pytest.raises(TrainingError, match=r"captchas: Failed to flush .* left on device$"),
        _training_errors(CONFIG, TrainingLog(CONFIG, 1, io.StringIO())),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, message)


def test_checkpoints_that_do_not_fit_onto_the_disk_end_a_training_before_it_starts(
    cosine: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(cosine.directory / "epoch-00003.npz") as archive:
        size = sum(archive[name].nbytes for name in archive.files if name != "header")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * size - 1))
    with pytest.raises(DiskSpaceError, match=f"^{tmp_path} has 0 MB free"):
        train(COSINE, tmp_path, stream=InterruptingStream(1))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * size))
    with pytest.raises(Interrupted):
        train(COSINE, tmp_path, stream=InterruptingStream(1))
