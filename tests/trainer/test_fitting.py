"""The loop over the passes: breaks, ends and learning rates that look after themselves."""

from __future__ import annotations

import dataclasses
import io
import logging
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared.labels import encode
from shared.spec import CaptchaSpec
from tests.conftest import SMALL, SPEC
from trainer import fitting
from trainer.batchnorm import measure_statistics
from trainer.board import Board
from trainer.config import TrainingConfig
from trainer.dataset import Split, Splits
from trainer.evaluation import evaluate
from trainer.feed import feed_plain, list_rows
from trainer.fitting import Loop
from trainer.focus import measure_misread
from trainer.history import History
from trainer.looks import look_again
from trainer.networks import build_recogniser
from trainer.resources import SpaceError
from trainer.rollback import Rollback, State
from trainer.stopping import Stopping
from trainer.watch import TrainingError, Watch

SHORT = dataclasses.replace(SMALL, captchas=1_000, epochs=3, variation=0.5)


@pytest.fixture(scope="module")
def few(splits: Splits) -> Splits:
    def cut(split: Split) -> Split:
        return Split(split.images[:1_000], split.labels[:1_000])

    return Splits(cut(splits.train), cut(splits.validation), cut(splits.test))


def train(
    config: TrainingConfig, splits: Splits, run: Path, network: str = "compact"
) -> tuple[History, list[np.ndarray]]:
    keras.utils.set_random_seed(config.seed)
    loop = build(config, splits, run, network)
    return loop.run(), loop.recogniser.get_weights()


def build(config: TrainingConfig, splits: Splits, run: Path, network: str = "compact") -> Loop:
    return Loop(build_recogniser(network, SPEC), config, splits, SPEC, run, io.StringIO())


class Break(Exception):
    """Stands for a kill."""


def break_at(monkeypatch: pytest.MonkeyPatch, pass_number: int, step: int) -> None:
    original = Watch.on_train_batch_end

    def breaking(self: Any, batch: int, logs: Any = None) -> None:
        original(self, batch, logs)
        if self._loop.number + 1 == pass_number and batch + 1 >= step:
            raise Break

    monkeypatch.setattr(Watch, "on_train_batch_end", breaking)


# Without dropout and with: its random numbers must go on where they were too.
@pytest.mark.parametrize(("network", "captchas"), [("compact", 1_000), ("course", 250)])
def test_a_broken_training_ends_where_an_unbroken_one_does(
    tmp_path: Path,
    few: Splits,
    network: str,
    captchas: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    few = dataclasses.replace(
        few, train=Split(few.train.images[:captchas], few.train.labels[:captchas])
    )
    config = dataclasses.replace(
        SHORT, schedule="watchful", learning_rate=0.002, batch_size=25, focus=0.5
    )
    whole, expected = train(config, few, tmp_path / "whole", network)
    with pytest.MonkeyPatch.context() as patch:
        break_at(patch, pass_number=2, step=5)
        with pytest.raises(Break):
            train(config, few, tmp_path / "broken", network)
    with caplog.at_level(logging.INFO):
        history, weights = train(config, few, tmp_path / "broken", network)
    assert "going on after pass 1 of an earlier training" in caplog.text
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected, strict=True))
    untimed = [
        [{k: v for k, v in row.items() if k != "elapsed_s"} for row in c.passes]
        for c in (history, whole)
    ]
    assert untimed[0] == untimed[1]
    assert len(whole.passes) == 3
    assert whole.reason == "all 3 passes are done"


def test_all_that_decides_how_it_goes_on_survives_a_break(tmp_path: Path, few: Splits) -> None:
    config = dataclasses.replace(SHORT, schedule="watchful", epochs=9, max_minutes=60.0)
    before = build(config, few, tmp_path)
    before.number = 4
    before.history.elapsed_s = 1_000.0
    before.history.passes = [{"pass": 4, "val_loss": 0.5}]
    before.stopping = Stopping(best_accuracy=0.75, best_pass=3, improved_pass=2)
    before.misread = np.linspace(0, 1, SPEC.classes)
    for step, loss in enumerate([2.3] * 7):
        before.policy.observe(step, loss)

    def shifted(state: State, by: int) -> State:
        return [array + by for array in state]

    now = before.snapshot()
    before.best = shifted(before.best, 3)
    before.rollback = Rollback(shifted(now, 1), shifted(now, 2), quiet_checks=15, returns=4)
    before.save()

    after = build(config, few, tmp_path)
    after.resume()
    assert after.number == 4
    assert after.before_s == 1_000.0
    assert after.history == before.history
    assert after.stopping == before.stopping
    assert after.policy == before.policy
    assert after.policy.rate(0) == pytest.approx(3 * config.learning_rate)
    assert np.array_equal(after.misread, before.misread)
    assert after.rollback is not None
    assert after.rollback.counts == before.rollback.counts
    for found, expected in [
        (after.snapshot(), now),
        (after.best, before.best),
        (after.rollback.trusted, before.rollback.trusted),
        (after.rollback.candidate, before.rollback.candidate),
    ]:
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_loop_is_built_as_the_settings_say(tmp_path: Path, few: Splits) -> None:
    loop = build(dataclasses.replace(SHORT, weight_decay=0.25), few, tmp_path)
    assert isinstance(loop.recogniser.optimizer, keras.optimizers.AdamW)
    assert loop.recogniser.optimizer.weight_decay == 0.25
    course = dataclasses.replace(SHORT, optimizer="adam", loss="binary_crossentropy")
    recogniser = build(course, few, tmp_path).recogniser
    assert type(recogniser.optimizer) is keras.optimizers.Adam
    assert recogniser.optimizer.weight_decay is None
    truth = np.eye(5, dtype=np.float32)[[[0]]]
    loss = recogniser.compute_loss(y=truth, y_pred=np.full((1, 1, 5), 0.2, np.float32))
    assert float(loss) == pytest.approx(-(np.log(0.2) + 4 * np.log(0.8)) / 5)


def test_the_plan_follows_the_clock_where_it_ends_first(tmp_path: Path, few: Splits) -> None:
    loop = build(dataclasses.replace(SHORT, epochs=100, max_minutes=10.0), few, tmp_path)
    loop.before_s = 300.0
    assert loop.progress(0) == pytest.approx(0.5, abs=0.01)
    loop.number = 90
    assert loop.progress(0) == pytest.approx(0.9)


def test_after_a_pass_the_statistics_are_those_of_what_was_trained_on(
    tmp_path: Path, few: Splits
) -> None:
    config = dataclasses.replace(SHORT, variation=1.0, focus=0.0)
    loop = build(config, few, tmp_path)
    loop.do_pass()
    found = loop.recogniser.get_weights()
    rows = list_rows(few.train, config, 0)
    measure_statistics(loop.recogniser, feed_plain(few.train, SPEC, config.batch_size, rows))
    again = loop.recogniser.get_weights()
    assert all(np.allclose(a, b, rtol=1e-5) for a, b in zip(found, again, strict=True))


def test_the_focus_comes_after_a_fifth_of_the_training(
    tmp_path: Path, few: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = []

    def list_rows(*arguments: Any) -> Any:
        *_, number, misread = arguments
        fed.append((number, misread is not None))
        return original(*arguments)

    original = fitting.list_rows
    monkeypatch.setattr(fitting, "list_rows", list_rows)
    config = dataclasses.replace(SHORT, captchas=100, batch_size=25, epochs=6, focus=0.5)
    tiny = Split(few.train.images[:100], few.train.labels[:100])
    few = dataclasses.replace(few, train=tiny)
    train(config, few, tmp_path / "focused")
    assert fed == [(0, False), (1, False), (2, True), (3, True), (4, True), (5, True)]
    fed.clear()
    train(dataclasses.replace(config, focus=0.0), few, tmp_path / "not")
    assert not any(focused for _, focused in fed)


def test_a_training_that_ended_is_not_begun_again(tmp_path: Path, few: Splits) -> None:
    _, first = train(SHORT, few, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        break_at(patch, pass_number=4, step=1)
        history, again = train(SHORT, few, tmp_path)
    assert len(history.passes) == 3
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_budget_ends_it_within_a_pass_which_more_of_it_does_again(
    tmp_path: Path, few: Splits
) -> None:
    config = dataclasses.replace(SHORT, batch_size=4, epochs=2, max_minutes=1e-6)
    history, _ = train(config, few, tmp_path)
    assert history.reason == "the 1e-06 minutes are over"
    assert history.out_of_time
    assert [row["pass"] for row in history.passes] == [0.1]  # one check in ten
    assert (len(history.points), history.steps) == (1, 25)

    more = dataclasses.replace(config, max_minutes=60.0)
    history, _ = train(more, few, tmp_path)
    assert history.reason == "all 2 passes are done"
    assert not history.out_of_time
    assert [row["pass"] for row in history.passes] == [1, 2]
    assert history.steps == 500


def test_the_weights_are_those_of_the_best_pass(
    tmp_path: Path, few: Splits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[np.ndarray]] = []

    def is_best(stopping: Any, number: float, accuracy: float, loss: float) -> bool:
        seen.append(recogniser.get_weights())
        stopping.best_pass = 2
        return number == 2

    monkeypatch.setattr(fitting.Stopping, "is_best", is_best)
    recogniser = build_recogniser("compact", SPEC)
    with caplog.at_level(logging.INFO):
        Loop(recogniser, SHORT, few, SPEC, tmp_path, io.StringIO()).run()
    assert len(seen) == 3
    now = recogniser.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(now, seen[1], strict=True))
    assert not np.array_equal(now[0], seen[2][0])
    assert "the weights are those of pass 2" in caplog.text


def test_a_rate_far_too_high_is_found_by_the_watchful_schedule_and_ends_any_other(
    tmp_path: Path, few: Splits
) -> None:
    # Adam's steps are as long as the rate: at this one the first few already leave all numbers.
    config = dataclasses.replace(SHORT, batch_size=4, epochs=2, learning_rate=10.0)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        poison(patch, above=0.5)
        with pytest.raises(TrainingError, match=r"the loss became nan: the learning rate 10 is"):
            train(dataclasses.replace(config, schedule="constant"), few, tmp_path / "constant")
        history, weights = train(
            dataclasses.replace(config, schedule="watchful"), few, tmp_path / "watchful"
        )
    assert len(history.passes) == 2
    assert [move.reason for move in history.moves[:3]] == ["the loss became nan"] * 3
    assert history.moves[2].rate == pytest.approx(0.27)
    assert all(np.isfinite(array).all() for array in weights)
    assert math.isfinite(history.passes[-1]["loss"])


def poison(patch: pytest.MonkeyPatch, above: float) -> None:
    """Weights become NaN, as they do at rates too high, whenever the rate is above this one."""
    original = Watch.on_train_batch_end

    def poisoned(self: Any, batch: int, logs: Any = None) -> None:
        loop = self._loop
        if float(loop.recogniser.optimizer.learning_rate.numpy()) > above:
            logs = {**logs, "loss": math.nan}
            kernel = loop.recogniser.trainable_variables[0]
            kernel.assign(np.full(kernel.shape, np.nan, np.float32))
        original(self, batch, logs)

    patch.setattr(Watch, "on_train_batch_end", poisoned)


def test_what_no_rate_helps_ends_with_a_sentence(tmp_path: Path, few: Splits) -> None:
    # Four checks in a pass: returns are counted across passes.
    config = dataclasses.replace(SHORT, batch_size=10, epochs=20, schedule="watchful")
    with pytest.MonkeyPatch.context() as patch:
        poison(patch, above=0.0)
        with pytest.raises(TrainingError, match="nan, and no lower learning rate helps"):
            train(config, few, tmp_path)


def test_an_explosion_at_the_very_end_of_a_pass_is_undone(tmp_path: Path, few: Splits) -> None:
    """Noticed only in the next pass, when a checkpoint of the exploded network lies there."""
    config = dataclasses.replace(SHORT, batch_size=4, epochs=5, schedule="watchful")
    original = Watch.on_train_batch_end

    def exploding(self: Any, batch: int, logs: Any = None) -> None:
        original(self, batch, logs)
        if self._loop.number == 3 and batch + 1 == self._loop.pass_steps:
            for variable in self._loop.recogniser.trainable_variables[-2:]:
                variable.assign(variable * -1e4)  # a sign: or it reads as before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "on_train_batch_end", exploding)
        history, weights = train(config, few, tmp_path)
    (move,) = [move for move in history.moves if move.restores]
    assert 1_000 < move.step <= 1_100  # in the pass after
    assert history.passes[3]["val_loss"] > 5 * history.passes[2]["val_loss"]
    assert history.passes[4]["val_loss"] < 1.5 * history.passes[2]["val_loss"]
    assert math.isfinite(history.passes[4]["loss"])
    # Those that exploded; a variance of batch normalisation is in the thousands anyway.
    assert max(np.abs(array).max() for array in weights[-2:]) < 100


def test_the_validation_reads_as_what_is_published_does(tmp_path: Path) -> None:
    spec = CaptchaSpec("ab", 2, 60, 40, min_length=1)
    split = Split(np.zeros((8, 40, 60), np.uint8), encode(["a"] * 8, spec))
    config = dataclasses.replace(SMALL, captchas=8, batch_size=8)
    recogniser = build_recogniser("compact", spec)
    loop = Loop(recogniser, config, Splits(split, split, split), spec, tmp_path, io.StringIO())

    class Reader:
        def predict(self, batches: Any, verbose: int) -> np.ndarray:
            images = np.concatenate([batch.numpy() for batch in batches])
            assert np.array_equal(images, split.images)
            # Likeliest in the first place is the end, but no text of this spec is empty.
            return np.tile(np.array([[0.4, 0.1, 0.5], [0.05, 0.05, 0.9]], np.float32), (8, 1, 1))

    loop.reader = Reader()
    figures = loop.validate()
    assert (figures["captcha_accuracy"], figures["character_accuracy"]) == (1.0, 1.0)
    assert figures["loss"] == pytest.approx(-np.log([0.4, 0.9]).mean(), rel=1e-5)
    assert not loop.misread.any()


def test_several_looks_are_validated_as_several(tmp_path: Path, few: Splits) -> None:
    config = dataclasses.replace(SHORT, looks=2, epochs=1)
    loop = build(config, few, tmp_path)
    history = loop.run()
    twice = look_again(loop.recogniser, 2)
    expected = evaluate(lambda images: twice.predict(images, verbose=0), few.validation, SPEC)
    assert history.passes[-1]["val_captcha_accuracy"] == expected.accuracy
    assert np.array_equal(measure_misread(expected.confusions), loop.misread)


def test_checkpoints_that_will_not_fit_are_told_before_the_training(
    tmp_path: Path, few: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = build(SHORT, few, tmp_path)
    # Of the network (0.14 million), of the optimizer twice as much, of the best; thrice.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=6e6))
    with pytest.raises(SpaceError, match=r"has 6 MB free, and this training needs 7 MB"):
        loop.run()
    assert not loop.history.passes


def test_too_little_memory_for_a_step_ends_with_a_sentence(
    tmp_path: Path, few: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\nand so on")

    loop = build(SHORT, few, tmp_path)
    monkeypatch.setattr(loop.recogniser, "fit", exhausted)
    with pytest.raises(TrainingError, match=r"memory for batches of 64: OOM when allocating$"):
        loop.run()


def test_a_pass_is_never_rounded_to_a_whole_one(tmp_path: Path, few: Splits) -> None:
    loop = build(SHORT, few, tmp_path)
    loop.pass_steps = 10_938  # of which 16 are fed
    loop.do_pass()
    assert 0 < loop.history.passes[0]["pass"] < 0.01
    assert loop.number == 0


def test_curves_that_cannot_be_written_are_not_worth_a_training(
    tmp_path: Path, few: Splits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "no space left")

    monkeypatch.setattr(tf.summary, "scalar", full)
    history, _ = train(SHORT, few, tmp_path)
    assert history.reason == "all 3 passes are done"
    assert caplog.text.count("no more curves for TensorBoard: no space left") == 1


def test_a_pass_that_was_cut_off_has_a_place_of_its_own_on_the_board(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.show_pass({"pass": 1, "val_loss": 0.5})
    board.show_pass({"pass": 1.1, "val_loss": 0.4})
    events = read_events(tmp_path)
    assert [event.step for event in events.Tensors("passes/val_loss")] == [1, 2]


def read_events(directory: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory))
    events.Reload()
    return events


def test_tensorboard_finds_event_files(tmp_path: Path, few: Splits) -> None:
    train(dataclasses.replace(SHORT, epochs=2), few, tmp_path)
    events = read_events(tmp_path)
    assert {"passes/val_captcha_accuracy", "steps/loss", "steps/learning_rate"} <= set(
        events.Tags()["tensors"]
    )
