"""How confusions become pairs, groups and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generator_service.drawing import draw_grey, draw_text
from shared.labels import encode
from shared.spec import CaptchaSpec
from tests.benchmarks.look_alikes import (
    Pair,
    count_right,
    draw,
    find_pairs,
    group,
    list_groups,
    main,
    write_tables,
)
from trainer.dataset import Split
from trainer.evaluation import Evaluation, score

SPEC = CaptchaSpec("0Oox", 2, 60, 60)
# Of each text, what was read.
READ = {"0O": "OO", "Oo": "OO", "xx": "xx", "ox": "ox", "0x": "xx"}


def evaluated(spec: CaptchaSpec, read: dict[str, str]) -> tuple[Evaluation, Split]:
    """As if a recogniser had read each key as its value."""
    count = len(read)
    split = Split(np.zeros((count, spec.height, spec.width), np.uint8), encode([*read], spec))
    answers = np.eye(spec.classes, dtype=np.float32)[encode([*read.values()], spec)]
    return score(answers, split, spec), split


def test_a_pair_counts_both_directions_and_the_most_confused_comes_first() -> None:
    confusions = np.array([[90, 10, 0], [5, 95, 0], [1, 0, 199]])
    assert find_pairs(confusions, "abc") == [Pair("ab", 200, 15), Pair("ac", 300, 1)]
    assert find_pairs(confusions, "abc")[0].share == pytest.approx(0.075)


def test_what_looks_like_the_same_character_is_one_group() -> None:
    pairs = [Pair("0O", 100, 9), Pair("oO", 100, 3), Pair("1l", 100, 50), Pair("1x", 1_000, 1)]
    first = group(pairs, "01Olox")
    assert first == {"0": "0", "1": "1", "O": "0", "l": "1", "o": "0", "x": "x"}
    assert list_groups(first) == ["0Oo", "1l"]


def test_look_alikes_that_count_as_one_leave_the_other_errors() -> None:
    evaluation, split = evaluated(SPEC, READ)
    assert evaluation.correct == 2
    assert count_right(evaluation, split, np.array([0, 0, 0, 3])) == 4


def test_the_tables_say_what_each_way_of_counting_leaves() -> None:
    evaluation, split = evaluated(SPEC, READ)
    lines = "\n".join(write_tables(evaluation, split, SPEC)).splitlines()
    assert lines[2].startswith("| as they are | 40.00% |")
    assert lines[3].startswith("| upper and lower case as one | 60.00% |")
    assert lines[4].startswith("| look-alikes as one: `0Oox` | 100.00% |")
    assert "| `Oo` | 4 | 1 | 25.00% |" in lines


def test_texts_of_several_lengths_can_be_counted_too() -> None:
    spec = CaptchaSpec("ab", 2, 60, 60, min_length=1)
    evaluation, split = evaluated(spec, {"a": "b", "ab": "ab", "bb": "b"})
    lines = "\n".join(write_tables(evaluation, split, spec)).splitlines()
    assert lines[2].startswith("| as they are | 33.33% |")
    # A length that was read wrong is no matter of looks.
    assert lines[3].startswith("| look-alikes as one: `ab` | 66.67% |")


def test_what_is_drawn_is_what_the_generator_issues() -> None:
    split = draw(SPEC, 3, 7)
    texts = [draw_text(SPEC, 7, i) for i in range(3)]
    assert np.array_equal(split.labels, encode(texts, SPEC))
    assert np.array_equal(split.images[2], draw_grey(SPEC, (), texts[2], 7, 2))


def test_a_published_version_is_measured(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(models / "1"), "--captchas", "200"])
    output = capsys.readouterr().out
    assert output.startswith("200 captchas of 10 characters, 4 in each, 160x60, `current`")
    assert "| as they are |" in output
