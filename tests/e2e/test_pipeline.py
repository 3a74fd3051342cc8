"""`docker compose up`: captchas are generated, predicted, trained on and predicted better."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.e2e.captchas import fetch_captchas, predict
from tests.e2e.conftest import MAX_MINUTES
from tests.e2e.replicas import gateway_metric, get_inside
from tests.e2e.stack import Stack
from tests.serving import eventually
from trainer.evaluation.accuracy import wilson_interval

FIELDS = {"success", "prediction", "debug"}
MIN_ACCURACY = 0.99
FRESH_CAPTCHAS = 10_000


def test_the_bundled_model_predicts_before_the_first_training_ends(
    first_prediction: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    model = first_prediction["model"]
    assert (model["version"], model["source"]) == (0, "bundled")
    assert first_prediction["correct"] >= 18
    with capsys.disabled():
        seconds = first_prediction["seconds"]
        print(f"\nfrom `up` to the first correct prediction of the bundled model: {seconds:.0f} s")


def test_the_default_training_publishes_a_version_that_becomes_active(
    stack: Stack, operator: httpx.Client, trained: float, capsys: pytest.CaptureFixture[str]
) -> None:
    model = operator.get("/model").json()
    assert (model["version"], model["source"]) == (1, "volume")
    with capsys.disabled():
        print(f"\nfrom `up` to the first prediction of version 1: {trained:.1f} minutes")
        print(re.findall(r".*published.*", stack.logs("trainer"))[0])
    assert trained < MAX_MINUTES


def test_new_captchas_are_predicted_through_the_running_stack(
    stack: Stack, client: httpx.Client, trained: float, capsys: pytest.CaptureFixture[str]
) -> None:
    styles = ("current", "classic")
    captchas = {style: fetch_captchas(client, FRESH_CAPTCHAS // 2, style) for style in styles}

    def is_correct(captcha: tuple[str, bytes]) -> bool:
        response = predict(client, captcha[1])
        assert response.status_code == 200, response.text
        return bool(response.json()["prediction"] == captcha[0])

    with ThreadPoolExecutor(8) as pool:
        correct = {style: sum(pool.map(is_correct, captchas[style])) for style in styles}
    total, n = sum(correct.values()), FRESH_CAPTCHAS
    low, high = wilson_interval(total, n)
    with capsys.disabled():
        print(
            f"\nexact-match accuracy {total / n:.2%} on {n:,} new captchas"
            f" (95 % interval {low:.2%} to {high:.2%}): {correct}"
        )
    assert total / n >= MIN_ACCURACY


def test_all_request_formats_give_the_same_response(
    client: httpx.Client, first_prediction: dict[str, Any]
) -> None:
    captcha = client.get("/captcha").json()
    png = base64.b64decode(captcha["image"])
    responses = [
        predict(client, png).json(),
        client.post("/predict", json={"image": captcha["image"]}).json(),
        client.post("/predict", json=captcha).json(),
    ]
    assert responses[0] == responses[1] == responses[2]
    assert set(responses[0]) == FIELDS


def test_invalid_requests_through_the_gateway_get_a_clear_error(
    client: httpx.Client, first_prediction: dict[str, Any]
) -> None:
    cases = [
        (client.post("/predict"), 400, "the request contains no image"),
        (predict(client, b"not an image"), 422, "the file is not an image"),
        (predict(client, os.urandom(10_000_000)), 413, "more than 1,000,000 bytes"),
        (client.get("/predict"), 405, "GET is not allowed here; use POST"),
        (client.post("/predict", json={"image": "%"}), 400, "not valid base64"),
    ]
    for response, status, message in cases:
        assert response.status_code == status, response.text
        assert set(response.json()) == FIELDS
        assert message in response.json()["debug"]
    for path in ("/docs", "/captcha/docs", "/openapi.json", "/captcha/openapi.json"):
        assert client.get(path).status_code == 200, path
    for path, message in (
        ("/dataset?count=0", "greater than or equal to 1"),
        ("/dataset?count=1000000000", "less than or equal to 100000"),
        ("/captcha?text=12a4", "not in the charset"),
    ):
        response = client.get(path)
        assert response.status_code == 422
        assert message in response.json()["detail"]


def test_requests_write_to_no_disk(
    stack: Stack, client: httpx.Client, first_prediction: dict[str, Any]
) -> None:
    def count_used_bytes(service: str) -> int:
        output = stack.compose("exec", "-T", service, "df", "-B1", "--output=used", "/tmp").stdout
        return int(output.split()[-1])

    used = {service: count_used_bytes(service) for service in ("generator", "inference")}
    predict(client, client.get("/captcha.png").content)
    head = b"POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with (
        socket.create_connection(("127.0.0.1", stack.port)) as upload,
        client.stream("GET", "/dataset?count=2000&format=zip") as dataset,
    ):
        # An upload that lacks its end, and a response of which nothing has been read.
        upload.sendall(head + b"Content-Length: 3000001\r\n\r\n" + b" " * 3_000_000)
        assert dataset.status_code == 200
        assert {service: count_used_bytes(service) for service in used} == used
    for service in ("gateway", "generator", "inference"):
        for container in stack.containers(service):
            result = subprocess.run(
                ["docker", "diff", container], capture_output=True, text=True, check=True
            )
            # Docker itself creates the mount points.
            mounted = {mount["Destination"] for mount in stack.inspect(container)["Mounts"]}
            added = {line[2:] for line in result.stdout.splitlines() if line.startswith("A ")}
            created_by_docker = {path for path in added if path.endswith("/docker-init")}
            assert added - created_by_docker <= {"/tmp", "/run", *mounted}
    files = stack.compose("exec", "-T", "inference", "find", "/tmp", "-type", "f").stdout
    assert files == ""


def test_containers_are_restricted(stack: Stack, trained: float) -> None:
    for service in ("gateway", "generator", "inference", "trainer"):
        container = stack.containers(service)[0]
        details = stack.inspect(container)
        host = details["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0
        assert host["Init"] is True
        if service != "trainer":
            eventually(
                lambda c=container: stack.inspect(c)["State"]["Health"]["Status"] == "healthy",
                60, f"{service} is healthy",
            )  # fmt: skip
        assert details["Config"]["User"] not in ("", "root", "0")
        published = details["NetworkSettings"]["Ports"]
        assert [p for p in published.values() if p] == [] or service == "gateway"
    identity = stack.compose("exec", "-T", "generator", "id", "-u").stdout.strip()
    assert identity == "10001"
    (mount,) = stack.inspect(stack.containers("inference")[0])["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/models", False)


def test_the_cpu_image_of_the_inference_service_does_not_contain_tensorflow(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("tensorflow", "keras", "openvino")
    program = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    found = stack.compose("exec", "-T", "inference", "python", "-c", program).stdout.strip()
    assert found == "['openvino']"
    with capsys.disabled():
        sizes = subprocess.run(
            ["docker", "images", "--format", "{{.Repository}} {{.Size}}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines = [line for line in sizes.stdout.splitlines() if line.startswith(stack.project)]
        assert len(lines) >= 3
        print("\n" + "\n".join(sorted(lines)))


def test_a_version_contains_its_report_images(stack: Stack, trained: float) -> None:
    listing = stack.compose("exec", "-T", "inference", "ls", "/models/captcha/1").stdout.split()
    expected = {"saved_model.pb", "variables", "manifest.json", "history.csv"}
    images = {"curves.png", "gallery.png", "confusions.png", "reliability.png", "network.png"}
    assert expected | images <= set(listing)


def test_a_second_up_finds_the_version_and_ends_within_seconds(
    stack: Stack, trained: float
) -> None:
    started = time.monotonic()
    stack.compose("up", "-d")
    (trainer,) = stack.containers("trainer")
    eventually(lambda: stack.inspect(trainer)["State"]["Status"] == "exited", 30, "it exits")
    assert time.monotonic() - started < 30
    assert stack.inspect(trainer)["State"]["ExitCode"] == 0
    assert "version 1 was trained with these settings: nothing to do" in stack.logs("trainer")


def count_predictions(stack: Stack) -> list[int]:
    """Return the number of predictions of each replica, from its metrics."""
    counts = []
    for container in stack.containers("inference"):
        # A replica that is starting does not listen yet and has predicted nothing.
        response = get_inside(container, "/metrics")
        text = response.text if response else ""
        found = re.search(r'requests_total\{route="/predict",status="200"\} (\d+)', text)
        counts.append(int(found.group(1)) if found else 0)
    return counts


def test_replicas_share_the_requests(
    stack: Stack, client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    def count_rendered() -> list[float]:
        return gateway_metric(
            operator, "haproxy_server_http_responses_total", 'code="2xx"', proxy="generator"
        )

    before, rendered = count_rendered(), set()
    stack.compose("up", "-d", "--no-recreate", "--scale", "inference=3", "--scale", "generator=2")

    def have_both_rendered() -> bool:
        response = client.get("/captcha.png", params={"seed": 5})
        if response.is_success:
            rendered.add(response.content)
        return sum(b > a for a, b in zip(before, count_rendered(), strict=True)) == 2

    eventually(have_both_rendered, 60, "both generators have rendered")
    assert len(rendered) == 1, "a seed gives the same bytes on every replica"
    captchas = fetch_captchas(client, 60)

    def all_have_predicted() -> bool:
        with ThreadPoolExecutor(6) as pool:
            responses = list(pool.map(lambda captcha: predict(client, captcha[1]), captchas))
        assert {response.status_code for response in responses} == {200}
        return min(count_predictions(stack)) > 0

    eventually(all_have_predicted, 60, "all three replicas predict")
