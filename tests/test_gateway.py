"""What the public port of the gateway serves, and its optional limits."""

from __future__ import annotations

import hashlib
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.routes import operation
from inference_service.settings import Settings
from tests.deploy.manifests import require
from tests.gateway import Gateway, run_gateway, write_certificate, write_tokens
from tests.inference_service.engines import load_band_engine
from tests.serving import eventually, running

TOKEN, OTHER_TOKEN = "first-token", "second-token"
DATASETS = 4
PREDICTION_FIELDS = {"success", "prediction", "debug"}
OPEN_WITH_TOKENS = ("/", "/page/main.js", "/ping", "/ready", "/docs", "/openapi.json")
CLOSED_WITH_TOKENS = (
    "/captcha", "/captcha.png", "/captcha.wav", "/captcha/spec", "/captcha/pictures", "/dataset",
    "/predict", "/predict/batch", "/model", "/models", "/training",
)  # fmt: skip
ONLY_FOR_OPERATORS = (
    "/metrics", "/captcha/metrics", "/audits", "/audits/mine/report.html",
    "/models/1/files/curves.png",
)  # fmt: skip


def build_echo() -> FastAPI:
    """Return a replica that responds with the path and two of the headers that it received."""
    app = FastAPI(openapi_url=None)

    @app.get("/dataset")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 1_000_000

        return StreamingResponse(parts())

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def echo(path: str, request: Request) -> Response:
        received = {
            f"X-{name}": request.headers.get(name, "none") for name in ("Upgrade", "Authorization")
        }
        return Response(f"/{path}", headers=received)

    return app


@contextmanager
def echo_gateway(directory: Path | None = None, **settings: str) -> Iterator[Gateway]:
    require("haproxy", "haproxy")
    scheme = "https" if "TLS_DIR" in settings else "http"
    with running(build_echo()) as replica:
        ports = [replica.base_url.port or 0]
        replicas = {"generator": ports, "inference": ports}
        with run_gateway(replicas, directory, scheme, **settings) as gateway:
            eventually(lambda: gateway.operator.get("/ready").is_success, 10, "it is ready")
            yield gateway


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """Yield a gateway with default settings."""
    with echo_gateway() as gateway:
        yield gateway


@pytest.mark.parametrize("path", [*OPEN_WITH_TOKENS, *CLOSED_WITH_TOKENS])
def test_both_ports_serve_what_clients_need(gateway: Gateway, path: str) -> None:
    reduced = path in ("/model", "/models", "/training")
    for client, expected in ((gateway.operator, path), (gateway.public, f"/public{path}")):
        with client.stream("GET", path) as response:
            assert response.status_code == 200
            if path != "/dataset":
                assert response.read().decode() == (expected if reduced else path)


@pytest.mark.parametrize("path", ONLY_FOR_OPERATORS)
def test_the_public_port_refuses_what_is_for_operators(gateway: Gateway, path: str) -> None:
    response = gateway.public.get(path)
    assert response.status_code == 403
    assert response.json() == {"detail": "only on the operator port (ADMIN_PORT)"}
    assert gateway.operator.get(path).status_code == 200


def test_no_upgrade_reaches_a_program(gateway: Gateway) -> None:
    for client in (gateway.public, gateway.operator):
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        for protocol in ("other", "websocket"):
            headers = {"Connection": "Upgrade", "Upgrade": protocol, "Sec-WebSocket-Key": key}
            response = client.get("/ping", headers=headers)
            assert response.status_code == 200
            assert response.headers["X-Upgrade"] == "none"


def test_the_gateways_own_metrics_are_for_operators(gateway: Gateway) -> None:
    assert gateway.public.get("/gateway/metrics").status_code == 403
    assert "haproxy_process_uptime_seconds" in gateway.operator.get("/gateway/metrics").text


# A replica decodes paths, so another way to write a path must not reach it.
@pytest.mark.parametrize(
    "path",
    [
        "/%6detrics", "/metrics%2f", "//metrics", "/./metrics", "/page/../metrics", "/aud%69ts",
        "/%61udits/mine/report.html", "/models%2f1/files/a.png", "/captcha%2fmetrics",
        "/captcha/%6detrics", "/public/model", "/public/training", "/%70ublic/model",
        "/internal/spec", "/%69nternal/dataset",
        "/captcha/../internal/spec", "/metrics;x", "/METRICS", "/unknown",
    ],
)  # fmt: skip
def test_the_public_port_serves_no_other_paths(gateway: Gateway, path: str) -> None:
    # httpx would normalise the path.
    response = gateway.public.request("GET", "/", extensions={"target": path.encode()})
    reached_page_file = path.startswith("/page/") and response.text == path
    assert response.status_code in (403, 404) or reached_page_file


def test_the_public_port_serves_no_route_for_operators(gateway: Gateway) -> None:
    app = FastAPI()
    app.include_router(operation.router)
    for path in app.openapi()["paths"]:
        example = path.format(version=1, name="curves.png")
        response = gateway.public.get(example)
        assert response.status_code == 403 or response.text == f"/public{example}"


def test_the_page_and_its_files_are_public(tmp_path: Path, gateway: Gateway) -> None:
    store = ModelStore(tmp_path / "captcha", load_band_engine)
    routes = create_app(Settings.load(), store).routes
    paths = {getattr(route, "path", "") for route in routes}
    files = {path for path in paths if path.startswith(("/page/", "/docs"))}
    assert {"/page/main.js", "/docs"} <= files
    assert {gateway.public.get(path).status_code for path in files} == {200}


def test_every_response_has_the_security_headers(gateway: Gateway) -> None:
    for client in (gateway.public, gateway.operator):
        for path in ("/ping", "/unknown", "/metrics", "/gateway/metrics", "/internal/spec"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert (
                headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            )
            assert "strict-transport-security" not in headers


def other_client(gateway: Gateway) -> httpx.Client:
    """Return a client with another address, to which limits of one client do not apply."""
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    return httpx.Client(base_url=gateway.public.base_url, transport=transport)


def test_one_client_reads_four_datasets_at_once(gateway: Gateway) -> None:
    with ExitStack() as stack:
        for _ in range(DATASETS):
            response = stack.enter_context(gateway.public.stream("GET", "/dataset"))
            assert response.status_code == 200
        refused = gateway.public.get("/dataset")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json() == {"detail": "too many datasets of this client at once; retry later"}
        assert gateway.public.get("/captcha").status_code == 200
        for other in (gateway.operator, stack.enter_context(other_client(gateway))):
            with other.stream("GET", "/dataset") as response:
                assert response.status_code == 200

    def is_served() -> bool:
        with gateway.public.stream("GET", "/dataset") as response:
            return response.is_success

    eventually(is_served, 10, "a place is free again")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Yield a gateway that needs a token."""
    directory = tmp_path_factory.mktemp("gateway")
    (directory / "tokens").mkdir()
    write_tokens(directory / "tokens", TOKEN)
    with echo_gateway(directory, TOKENS_DIR="tokens") as gateway:
        yield gateway


@pytest.mark.parametrize("path", CLOSED_WITH_TOKENS)
@pytest.mark.parametrize(
    "headers",
    [
        {}, bearer("wrong"), {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"},
        bearer(hashlib.sha256(TOKEN.encode()).hexdigest()),
    ],
)  # fmt: skip
def test_without_a_valid_token_nothing_is_served(
    closed: Gateway, path: str, headers: dict[str, str]
) -> None:
    response = closed.public.get(path, headers=headers)
    reason = "an API token is required, in the header Authorization: Bearer <token>"
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    if path.startswith("/predict"):
        assert response.json() == {"success": False, "prediction": "", "debug": reason}
    else:
        assert response.json() == {"detail": reason}


@pytest.mark.parametrize("path", set(CLOSED_WITH_TOKENS) - {"/dataset"})
def test_with_a_token_everything_public_is_served(closed: Gateway, path: str) -> None:
    assert closed.public.get(path, headers=bearer(TOKEN)).status_code == 200
    assert closed.public.get("/metrics", headers=bearer(TOKEN)).status_code == 403


@pytest.mark.parametrize("path", ["/ping", "/captcha", "/predict"])
def test_no_token_reaches_a_replica(closed: Gateway, path: str) -> None:
    response = closed.public.get(path, headers=bearer(TOKEN))
    assert response.headers["X-Authorization"] == "none"


@pytest.mark.parametrize("path", OPEN_WITH_TOKENS)
def test_health_page_and_documentation_need_no_token(closed: Gateway, path: str) -> None:
    assert closed.public.get(path).status_code == 200


def test_operators_need_no_token(closed: Gateway) -> None:
    assert closed.operator.get("/captcha").status_code == 200


def test_tokens_are_exchanged_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()
    write_tokens(tmp_path / "tokens", TOKEN)
    with echo_gateway(tmp_path, TOKENS_DIR="tokens") as gateway:

        def status(token: str) -> int:
            with httpx.Client(base_url=gateway.public.base_url) as client:
                return client.get("/captcha", headers=bearer(token)).status_code

        assert (status(TOKEN), status(OTHER_TOKEN)) == (200, 401)
        write_tokens(tmp_path / "tokens", OTHER_TOKEN)
        gateway.process.send_signal(signal.SIGUSR2)
        eventually(lambda: status(OTHER_TOKEN) == 200, 10, "the new token is accepted")
        eventually(lambda: status(TOKEN) == 401, 10, "the old token is refused")
        assert gateway.process.poll() is None


def test_without_the_file_of_tokens_the_gateway_does_not_start(tmp_path: Path) -> None:
    require("haproxy", "haproxy")
    with (
        pytest.raises(AssertionError, match="the gateway ended"),
        echo_gateway(tmp_path, TOKENS_DIR="tokens"),
    ):
        pass


def test_of_too_many_requests_as_many_are_served_as_the_limit_allows() -> None:
    with echo_gateway(RATE_LIMIT="5") as gateway:
        statuses = [gateway.public.get("/captcha").status_code for _ in range(100)]
        # On average over ten seconds.
        assert statuses[:50] == [200] * 50
        assert statuses.count(429) >= 40
        refused = gateway.public.post("/predict")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        debug = "too many requests of this client; retry later"
        assert refused.json() == {"success": False, "prediction": "", "debug": debug}
        assert gateway.operator.get("/captcha").status_code == 200
        with other_client(gateway) as other:
            assert other.get("/captcha").status_code == 200
        eventually(lambda: gateway.public.get("/captcha").is_success, 25, "it is served again")


def test_more_connections_than_the_limit_get_429() -> None:
    with echo_gateway(CONNECTION_LIMIT="3") as gateway, ExitStack() as stack:
        clients = [
            stack.enter_context(httpx.Client(base_url=gateway.public.base_url)) for _ in range(5)
        ]
        statuses = [client.get("/captcha").status_code for client in clients]
        assert statuses == [200, 200, 200, 429, 429]
        assert gateway.operator.get("/captcha").status_code == 200
        with other_client(gateway) as other:
            assert other.get("/captcha").status_code == 200
        clients[0].close()
        clients[3].close()
        clients[4].close()

        def is_served() -> bool:
            with httpx.Client(base_url=gateway.public.base_url) as client:
                return client.get("/captcha").is_success

        eventually(is_served, 10, "a place is free again")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_with_a_certificate_the_public_port_speaks_https(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    write_certificate(tmp_path / "tls")
    with echo_gateway(tmp_path, TLS_DIR="tls") as gateway:
        response = gateway.public.get("/captcha")
        assert response.text == "/captcha"
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        assert gateway.public.get("/metrics").status_code == 403
        assert "strict-transport-security" not in gateway.operator.get("/captcha").headers
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname = False
        old.verify_mode = ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            httpx.Client(base_url=gateway.public.base_url, verify=old) as client,
            pytest.raises(httpx.ConnectError, match="protocol version"),
        ):
            client.get("/captcha")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:5001", 200), ("127.0.0.1:5001", 200), ("[::1]:5001", 200),
        ("gateway", 200), ("captcha.example.com", 421), ("evil.example:5001", 421), ("a.b", 421),
        ("127.0.0.1.evil.example", 421),
    ],
)  # fmt: skip
def test_a_page_of_another_site_cannot_give_the_operator_port_its_name(
    gateway: Gateway, host: str, status: int
) -> None:
    assert gateway.operator.get("/model", headers={"Host": host}).status_code == status
    assert gateway.public.get("/model", headers={"Host": host}).status_code == 200
    refused = gateway.operator.post("/predict", headers={"Host": "evil.example"})
    assert (refused.status_code, set(refused.json())) == (421, PREDICTION_FIELDS)
    embedding = gateway.operator.get("/model").headers["cross-origin-resource-policy"]
    assert embedding == "same-origin"


def test_the_public_port_refuses_other_methods_and_bodies_that_nothing_reads(
    gateway: Gateway,
) -> None:
    for method in ("PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "ANY"):
        assert gateway.public.request(method, "/captcha").status_code in (400, 405)
    refused = gateway.public.put("/predict")
    assert (refused.status_code, set(refused.json())) == (405, PREDICTION_FIELDS)
    assert refused.headers["allow"] == "GET, HEAD, POST"
    assert gateway.public.post("/ping", content=b"a small body").status_code == 200
    refused = gateway.public.post("/ping", content=b"x" * 50_000)
    assert refused.status_code == 413
    assert refused.headers["connection"] == "close"
    assert gateway.public.post("/predict", content=b"x" * 50_000).status_code == 200


def exchange(client: httpx.Client, data: bytes) -> bytes:
    address = ("127.0.0.1", client.base_url.port)
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(data)
        return connection.recv(1000)


def test_http_2_is_not_spoken(gateway: Gateway) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    assert exchange(gateway.public, preface).startswith(b"HTTP/1.1 400")
    assert exchange(gateway.operator, preface).startswith(b"HTTP/1.1 400")


def test_idle_connections_of_one_client_are_limited_too() -> None:
    with echo_gateway(CONNECTION_LIMIT="3") as gateway, ExitStack() as stack:
        address = ("127.0.0.1", gateway.public.base_url.port)
        idle = [stack.enter_context(socket.create_connection(address)) for _ in range(20)]

        def count_closed() -> int:
            for connection in idle:
                connection.setblocking(False)
            return sum(is_closed(connection) for connection in idle)

        eventually(lambda: count_closed() >= 12, 5, "connections beyond twice the limit are closed")
        assert gateway.operator.get("/captcha").status_code == 200


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
