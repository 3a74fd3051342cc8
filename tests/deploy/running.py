"""The generator, an inference replica and a gateway on this machine, with some traffic."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from inference_service.app import create_app
from inference_service.model_store import ModelStore
from inference_service.settings import Settings
from shared.spec import CaptchaSpec
from tests.deploy.manifests import ROOT, require
from tests.inference_service.captchas import draw_captchas
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import copy_version, flip_a_byte, publish_fake
from tests.serving import eventually, free_port, running, wait_ready


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
    """Run HAProxy with the project's configuration in front of one replica of each service."""
    require("haproxy", "haproxy")
    port = free_port()
    config = (ROOT / "inference_service/haproxy.cfg").read_text()
    replicas = {"generator": generator.base_url.port, "inference": inference.base_url.port}
    for pattern, replacement in (
        (r"(?m)^resolvers .*\n([ \t].*\n)*", ""),
        (r" (resolvers|resolve-prefer|init-addr) \S+", ""),
        (r"server-template (\w+) \S+ \S+", lambda m: f"server {m[1]}1 127.0.0.1:{replicas[m[1]]}"),
        (r"bind :5000", f"bind 127.0.0.1:{port}"),
        (r"bind :8404", f"bind 127.0.0.1:{free_port()}"),
        # Debian 12 has HAProxy 2.6, which cannot log JSON.
        (r"(?m)^ *log-format .*\n", ""),
    ):
        config, count = re.subn(pattern, replacement, config)
        assert count, pattern
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(config)
        file.flush()
        process = subprocess.Popen(["haproxy", "-db", "-f", file.name], stdout=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                eventually(lambda: client.get("/ready").is_success, 10, "the gateway is ready")
                yield client
        finally:
            process.kill()
            process.wait()


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
