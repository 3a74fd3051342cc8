"""Which attacker an audit describes, and what its attack costs."""

from __future__ import annotations

from tests.trainer.audit.attack.measurements import build_measurement
from trainer.audit.summary import build_cost, find_best


def test_correct_characters_decide_if_no_captcha_is_solved() -> None:
    texts = ("abc", "abf")
    nothing = build_measurement(labels=0, texts=texts, predictions=("", ""))
    some = build_measurement(labels=500, texts=texts, predictions=("xbc", "abx"))
    more_labels = build_measurement(labels=1000, texts=texts, predictions=("xbc", "abx"))
    one = build_measurement(labels=1000, texts=texts, predictions=("abc", ""))
    assert find_best([nothing, more_labels, some]) is some
    assert find_best([nothing, some, one]) is one
    assert find_best([nothing, build_measurement(labels=9, texts=texts, predictions=("", ""))]) is (
        nothing
    )


def test_an_attacker_that_takes_no_time_has_a_cost() -> None:
    cost = build_cost(build_measurement(["abc"], [""], ms_per_attempt=0.0))
    assert cost.attempts_per_hour > 1_000_000_000
