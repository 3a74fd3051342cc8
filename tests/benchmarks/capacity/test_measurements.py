"""Measurements of a real stack for a moment, and how problems are counted."""

from __future__ import annotations

import json
import sys

import pytest

from tests.benchmarks.capacity import generators, inference, samples, stack, tables
from tests.benchmarks.capacity.figures import Assumptions, Sizes
from tests.benchmarks.capacity.gateway import get_shot, require
from tests.benchmarks.capacity.samples import Requests, Sample
from tests.benchmarks.serving import render_captchas
from tests.deploy import manifests
from tests.load import Response, Shot

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")

SHOT = Shot(b"", "12 34")


def respond(*results: tuple[bool, str, str], status: int = 200) -> Response:
    fields = ("success", "prediction", "debug")
    body = {"results": [dict(zip(fields, result, strict=True)) for result in results]}
    return Response(status, b"HTTP/1.1 200 OK", json.dumps(body).encode())


def test_images_without_a_prediction_are_not_wrong_texts() -> None:
    late, right = (False, "", "not reached within 5 s"), (True, "12", "predicted")
    assert inference.check_images(SHOT, respond(right, (True, "34", "predicted"))) is None
    assert inference.check_images(SHOT, respond(right, right)) == "1 wrong texts"
    problem = inference.check_images(SHOT, respond(right, late))
    assert problem == "1 images without a prediction: not reached within 5 s"
    assert "status 503" in str(inference.check_images(SHOT, respond(status=503)))


def test_an_incomplete_or_mislabelled_captcha_is_a_problem() -> None:
    whole = b"\x89PNG...IEND\xae\x42\x60\x82"
    headers = b"HTTP/1.1 200 OK\r\nx-captcha-text: 1234"
    shot = get_shot("/captcha.png?seed=1", "1234")
    assert generators.check_png(shot, Response(200, headers, whole)) is None
    assert generators.check_png(shot, Response(200, headers, whole[:-6])) == "incomplete PNG"
    assert generators.check_png(shot, Response(200, b"HTTP/1.1 200 OK", whole)) == "wrong text"
    assert generators.check_png(shot, Response(503, headers, b"")) == "status 503"


def test_the_bytes_of_all_responses_are_counted() -> None:
    check = samples.CountingCheck(require(200))
    assert check(get_shot("/ping", "pong"), Response(200, b"12345", b"pong")) is None
    assert check(get_shot("/ping", "pong"), Response(503, b"12345", b"")) is not None
    assert check.response_bytes == (5 + 4 + 4) + (5 + 4)


@pytest.mark.slow
def test_a_stack_of_two_replicas_is_measured_with_both_kinds_of_requests() -> None:
    manifests.require("haproxy", "haproxy")
    captchas = render_captchas(64)
    with stack.run_replicas(2, 1) as running:
        for images, requests in inference.build_requests(running, captchas).items():
            result = inference.Result()
            inference.measure_stack(running, requests, 0.1, result)
            load = tables.to_load(result, requests)
            assert result.bad == 0
            assert 0 < load.gateway_cpu_s < 0.1
            assert load.request_bytes > images * 2_000
            assert load.response_bytes > images * 20
            assert result.replica_mb[0] > result.gateway_mb[0] > 1


@pytest.mark.slow
def test_generators_are_measured_behind_the_gateway() -> None:
    manifests.require("haproxy", "haproxy")
    with stack.run_generators(2, 1) as running:
        sample = generators.measure_single(running, 0.1)
        assert sample.bad == 0
        assert sample.rate > 0
        assert generators.measure_datasets(running, "npz", 2, 20, 0.1) > 0


def test_failed_and_wrong_responses_appear_in_the_table() -> None:
    good = Sample(500.0, 2.0, 9.0, 0, 1e-4, 300.0)
    bad = Sample(900.0, 4.0, 20.0, 7, 1e-4, 300.0)
    by_connections = {1: [good], 8: [good, bad, good], 16: [good]}
    result = inference.Result(by_connections, [good], [160.0], [20.0])
    row = tables.format_inference({(2, 1, 64): result}).splitlines()[-1]
    assert row == (
        "| 2 | 1 | batches of 64 | 500 | 500 (500 to 900) | 500 | 2.0, 9.0 | 2.0, 9.0 | 160 | 20"
        " | 7 |"
    )


def test_a_plan_has_a_row_per_target_and_kind_of_request() -> None:
    sample = Sample(500.0, 2.0, 9.0, 0, 1e-4, 300.0)
    result = inference.Result({16: [sample]}, [sample], [160.0], [20.0])
    requests = Requests(1, [get_shot("/ping", "pong")], require(200))
    load = tables.to_load(result, requests)
    table = tables.format_plans([load], Sizes(160, 20, 6), Assumptions())
    firsts = [line.split(" | ")[:4] for line in table.splitlines()[2:]]
    assert firsts == [
        ["| 1,000", "single", "4", "1"],
        ["| 10,000", "single", "34", "3"],
        ["| 100,000", "single", "334", "21"],
    ]
