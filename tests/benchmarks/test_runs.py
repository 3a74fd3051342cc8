"""What is read off a real run of the trainer, and off one that fails."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from tests.benchmarks.runs import RunError, find_best, train

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes are held to cores on Linux only"
)

FEW = (
    "--captchas", "400", "--epochs", "2", "--validation-captchas", "100", "--test-captchas", "100",
    "--min-accuracy", "0",
)  # fmt: skip


def test_a_run_tells_its_times_and_what_it_reads(
    generator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_EPOCHS", "none of the benchmark's business")
    run = train(FEW, str(generator.base_url), os.sched_getaffinity(0))
    assert run.captchas_s + run.train_s < run.total_s + 0.5
    assert 0 < run.best_s <= run.train_s
    assert run.metrics["passes"] == 2
    assert run.best_pass in (1, 2)
    assert set(run.metrics["by_origin"]) == {"current", "classic"}
    assert 0 <= run.accuracy <= 1


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(RunError, match=r"exit code 2, its last words: .*epochs must be at least 1"):
        train(("--epochs", "0"), "http://127.0.0.1:9", os.sched_getaffinity(0))


def test_a_run_that_takes_too_long_is_ended() -> None:
    with pytest.raises(RunError, match="not done after 0 s"):
        train((), "http://127.0.0.1:9", os.sched_getaffinity(0), limit_s=0)


def test_of_equally_good_passes_the_later_one_is_the_best(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text(
        "pass,val_captcha_accuracy,elapsed_s\n1,0.2,5.1\n2,0.5,9.9\n3,0.5,15.0\n4,0.4,20.2\n"
    )
    assert find_best(history) == (3, 15.0, 0.5)
