"""How measurements become the tables of docs/benchmarks.md."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks.contenders import CONSTANT, COURSE, DIRECT, GATEWAY, PAIR, Cores
from tests.benchmarks.page import PAGE, Outcome, replace_section, write_section
from tests.benchmarks.table import Measured, percentile, ratios, rows, wrong_and_failed
from tests.load import Report


def report(answers: int, latency_s: float = 0.01, **problems: int) -> Report:
    counted = Counter({name.replace("_", " "): count for name, count in problems.items()})
    return Report(seconds=1.0, latencies_s=[latency_s] * answers, problems=counted)


def measured(*rates: int) -> Measured:
    return Measured({8: [report(rate) for rate in rates]}, [100.0], [1.0])


def test_a_row_holds_the_medians_of_the_rounds_and_their_spread() -> None:
    (row,) = rows("ours", measured(100, 900, 300))
    assert (
        row == "| ours | 8 | 300.0 (100.0 to 900.0) | 10.0 | 10.0 | 10.0 | 0.0% | 0 | 100 | 1.0 |"
    )


def test_wrong_answers_and_failures_are_told_apart() -> None:
    reports = [report(90, wrong_text=9, connection_lost=2), report(110, wrong_text=1)]
    assert wrong_and_failed(reports) == ("5.0%", "2")


def test_a_server_that_answered_nothing_has_no_latency() -> None:
    assert percentile([report(0)], 99) == "-"
    assert wrong_and_failed([report(0, cannot_connect=3)]) == ("-", "3")


def test_ratios_are_told_for_those_that_were_measured() -> None:
    assert ratios({COURSE: measured(8)}) == []
    lines = ratios({COURSE: measured(8), DIRECT: measured(800), GATEWAY: measured(720)})
    assert lines == [
        "| ours / the course's way, requests/s on one core | 100 |",
        "| requests/s that the gateway costs, connections: 8 | 10.0% |",
    ]


def test_a_server_that_answered_nothing_has_no_ratio() -> None:
    results = {COURSE: measured(0), DIRECT: measured(0), GATEWAY: measured(1)}
    assert ratios(results) == []


def test_the_section_says_what_was_not_measured_and_what_shares_cores() -> None:
    outcome = Outcome(
        results={DIRECT: measured(800), PAIR: measured(900), CONSTANT: measured(8000)},
        skipped={GATEWAY: "no Docker"},
        bare=[
            {
                "form": 50_000.0,
                "decoder": 5000.0,
                "engine": 10_000.0,
                "answer": 2500.0,
                "rested": 1000.0,
            }
        ],
        half_rate=400.0,
        at_half={DIRECT: [report(400)]},
    )
    section = write_section(outcome, Cores(0, 1, (0, 1)), "a machine", "Once.")
    assert f"| {GATEWAY} | not measured: no Docker |" in section
    assert f"| {PAIR} (load generator and gateway share their cores) | 8 |" in section
    for line in (
        "| HTTP (the constant answer) | 125 |",
        "| unpacking the form | 20 |",
        "| decoding the PNG | 200 |",
        "| the network | 100 |",
        "naming, JSON | 80 |",
        "beside HTTP | 725 |",
        "| **one answer of ours** | 1,250 |",
        "| form to JSON in a loop | 400 |",
        "| the same after 5 ms of rest | 1,000 |",
    ):
        assert line in section
    assert "share their cores" not in write_section(outcome, Cores(0, 1, (2, 3)), "", "")


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = PAGE.read_text()
    changed = replace_section(page, "serving", "new\n")
    before, _, after = page.partition("<!-- serving:begin -->")
    assert changed.startswith(f"{before}<!-- serving:begin -->\nnew\n<!-- serving:end -->")
    assert changed.endswith(after.partition("<!-- serving:end -->")[2])
    assert replace_section(changed, "serving", "new") == changed
    with pytest.raises(ValueError, match="weather:begin"):
        replace_section(page, "weather", "new")
