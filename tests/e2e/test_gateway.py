"""The two ports of the gateway in its container, and its optional tokens, limits and TLS."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.captchas import predict
from tests.e2e.stack import Stack
from tests.gateway import write_certificate, write_tokens
from tests.serving import eventually

PUBLIC_MODEL = {
    "version", "spec", "restriction", "accuracy", "accuracy_interval_95", "test_captchas",
}  # fmt: skip


@contextmanager
def gateway_with(stack: Stack, **settings: str) -> Iterator[None]:
    """Run the gateway with other settings."""
    up = ("up", "-d", "--no-deps", "gateway")
    stack.compose(*up, **settings)
    try:
        yield
    finally:
        stack.compose(*up)
        with stack.client() as client:
            eventually(lambda: client.get("/ready").is_success, 30, "the gateway is back")


def test_strangers_see_less_than_operators(
    client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    assert set(client.get("/model").json()) == PUBLIC_MODEL
    assert set(operator.get("/model").json()) > PUBLIC_MODEL
    versions = client.get("/models").json()["versions"]
    assert versions
    assert all(set(found) <= PUBLIC_MODEL | {"active", "matches"} for found in versions)
    assert "samples" not in client.get("/training").json()
    for path in ("/metrics", "/gateway/metrics", "/captcha/metrics", "/audits"):
        assert client.get(path).status_code == 403, path
        assert operator.get(path).status_code == 200, path
    assert client.get("/models/1/files/curves.png").status_code == 403
    assert operator.get("/models/1/files/curves.png").status_code == 200


def test_head_gives_the_headers_and_other_methods_are_refused(
    client: httpx.Client, trained: float
) -> None:
    head = client.head("/captcha.png?text=2140")
    assert (head.headers["x-captcha-text"], head.content) == ("2140", b"")
    refused = client.delete("/ping")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")


def test_what_replicas_would_parse_for_long_is_refused(
    client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    address = "/ping?" + "a&" * 2_045  # 4,096 characters
    assert client.get(address).status_code == 200
    refused = client.get(f"{address}&")
    assert (refused.status_code, refused.json()) == (
        414, {"detail": "the address has more than 4,096 characters"},
    )  # fmt: skip
    assert operator.get(f"{address}&").status_code == 200
    kind = {"Content-Type": "multipart/form-data;" + 493 * ";"}
    refused = client.post("/predict", headers=kind, content=b"x")
    assert (refused.status_code, refused.json()["debug"]) == (
        431, "Content-Type has more than 512 characters",
    )  # fmt: skip


def test_with_tokens_and_a_certificate_only_who_has_a_token_is_served(
    stack: Stack, trained: float, tmp_path: Path
) -> None:
    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, verify=False, headers=headers) as client:
            return client.get("/captcha").status_code

    tmp_path.chmod(0o755)  # the gateway does not run as its owner
    write_tokens(tmp_path, "one")
    write_certificate(tmp_path)
    url = stack.url.replace("http:", "https:")
    with gateway_with(stack, TOKENS_DIR=str(tmp_path), TLS_DIR=str(tmp_path)):
        eventually(lambda: status("one") == 200, 30, "the token is accepted")
        assert status("two") == 401
        write_tokens(tmp_path, "two")
        stack.compose("kill", "-s", "USR2", "gateway")
        eventually(lambda: status("two") == 200, 10, "the new token is accepted")
        eventually(lambda: status("one") == 401, 10, "the old token is refused")


def test_a_client_that_exceeds_the_limit_gets_429(
    stack: Stack, client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    png = client.get("/captcha.png").content
    with gateway_with(stack, RATE_LIMIT="2", CONNECTION_LIMIT="50"):
        eventually(lambda: operator.get("/ready").is_success, 30, "the gateway is ready")
        responses = [predict(client, png) for _ in range(30)]
        assert [response.status_code for response in responses[:20]] == [200] * 20
        assert responses[-1].status_code == 429
        assert responses[-1].headers["retry-after"] == "1"
        assert set(responses[-1].json()) == {"success", "prediction", "debug"}
        assert predict(operator, png).status_code == 200


@pytest.mark.parametrize(("images", "limit_s"), [(1, 8), (64, 12)])
def test_a_replica_that_vanishes_fails_a_request_within_seconds(
    stack: Stack, client: httpx.Client, one_replica: str, images: int, limit_s: float
) -> None:
    files = [("image", client.get("/captcha.png").content) for _ in range(images)]
    network = f"{stack.project}_internal"

    def docker(*command: str) -> None:
        subprocess.run(["docker", *command], check=True, capture_output=True)

    # The kernel of the replica accepts the request, and then nothing arrives there any more.
    docker("pause", one_replica)
    try:
        with ThreadPoolExecutor(1) as pool:
            # On a new connection: HAProxy closes one with earlier requests instead of responding,
            # because the client is expected to repeat the request.
            sent = pool.submit(httpx.post, f"{stack.url}/predict/batch", files=files, timeout=30)
            time.sleep(0.5)
            docker("network", "disconnect", "-f", network, one_replica)
            started = time.monotonic()
            response = sent.result()
        assert time.monotonic() - started < limit_s
        assert response.status_code in (502, 503, 504)
        assert set(response.json()) == {"success", "prediction", "debug"}
        assert response.headers["connection"] == "close"
    finally:
        docker("unpause", one_replica)
        docker("network", "connect", "--alias", "inference", network, one_replica)
        eventually(lambda: client.get("/ready").is_success, 30, "the replica is back")
