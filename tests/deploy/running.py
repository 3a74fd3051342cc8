"""The generator, an inference replica and a gateway on this machine, with some traffic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from tests import gateway
from tests.deploy.manifests import require
from tests.inference_service.captchas import draw_captchas
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import copy_version, flip_a_byte, publish_fake
from tests.serving import eventually, running, wait_ready


@contextmanager
def run_inference(directory: Path) -> Iterator[httpx.Client]:
    """Run a replica with version 1 and a rejected version 2, and send some requests."""
    versions = directory / "captcha"
    publish_fake(versions, CaptchaSpec())
    flip_a_byte(copy_version(versions, 2))
    store = ModelStore(versions, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        send_predictions(client)
        yield client


@contextmanager
def run_gateway(generator: httpx.Client, inference: httpx.Client) -> Iterator[httpx.Client]:
    """Run HAProxy in front of one replica of each service and yield a client for operators."""
    require("haproxy", "haproxy")
    clients = {"generator": generator, "inference": inference}
    replicas = {name: [client.base_url.port or 0] for name, client in clients.items()}
    with gateway.run_gateway(replicas) as running_gateway:
        eventually(lambda: running_gateway.public.get("/ready").is_success, 10, "it is ready")
        yield running_gateway.operator


def send_predictions(client: httpx.Client) -> None:
    """Send a valid, an invalid and a large request."""
    (captcha,) = draw_captchas(CaptchaSpec(), 1, 1)
    assert client.post("/predict", json=captcha.json).json()["prediction"] == captcha.text
    assert client.post("/predict", json={}).is_client_error
    assert client.post("/predict", json=captcha.large_json).is_success


def request_captchas(client: httpx.Client) -> None:
    """Request a captcha, and one with an invalid setting."""
    assert client.get("/captcha.png").is_success
    assert client.get("/captcha.png?style=none").is_client_error
