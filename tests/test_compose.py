"""What Compose makes of the project, without starting anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def compose_works() -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "compose", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


# In CI there must be one: there the tests run, and fail, rather than being skipped.
needs_compose = pytest.mark.skipif(
    not compose_works() and not os.environ.get("CI"), reason="needs `docker compose`"
)


def resolve(*options: str, **environment: str) -> dict:
    result = subprocess.run(
        ["docker", "compose", *options, "config", "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return json.loads(result.stdout)


@needs_compose
def test_by_default_everything_runs_on_cpu() -> None:
    services = resolve()["services"]
    assert set(services) == {"gateway", "generator", "inference", "trainer"}
    assert services["inference"]["environment"]["ENGINE"] == "openvino"


@needs_compose
def test_the_gpu_profile_replaces_inference_and_trainer() -> None:
    services = resolve("--profile", "gpu")["services"]
    assert set(services) == {"gateway", "generator", "inference-gpu", "trainer-gpu"}
    for name in ("inference-gpu", "trainer-gpu"):
        (device,) = services[name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
        assert services[name]["build"]["args"]["REQUIREMENTS"].endswith("requirements-gpu.txt")
    assert services["inference-gpu"]["environment"]["ENGINE"] == "tensorflow"
    # The gateway asks for "inference", whoever answers to it.
    assert services["inference-gpu"]["networks"]["inside"]["aliases"] == ["inference"]


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_only_the_gateway_publishes_a_port_and_everything_can_be_scaled(profile: str) -> None:
    services = resolve("--profile", profile, PORT="5123")["services"]
    published = {name: s["ports"] for name, s in services.items() if s.get("ports")}
    assert list(published) == ["gateway"]
    assert published["gateway"][0]["published"] == "5123"
    for service in services.values():
        assert "container_name" not in service


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_nothing_but_the_gateway_can_leave_the_network(profile: str) -> None:
    config = resolve("--profile", profile)
    assert config["networks"]["inside"]["internal"] is True
    for name, service in config["services"].items():
        expected = {"default", "inside"} if name == "gateway" else {"inside"}
        assert set(service["networks"]) == expected, name


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_every_container_is_confined_and_limited(profile: str) -> None:
    for name, service in resolve("--profile", profile)["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["init"] is True, name
        assert "healthcheck" in service or name.startswith("trainer"), name
        assert "image" not in service or name == "gateway", "two clones would share it"
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
    models = [
        mount
        for name, service in resolve("--profile", profile)["services"].items()
        if name.startswith("inference")
        for mount in service["volumes"]
    ]
    assert [(m["target"], m["read_only"]) for m in models] == [("/models", True)]


@pytest.mark.parametrize("folder", ["generator_service", "inference_service", "trainer"])
def test_images_are_built_from_hashed_locks_without_addresses(folder: str) -> None:
    dockerfile = (ROOT / folder / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert "/app/.venv" in dockerfile
    assert "\nUSER app\n" in dockerfile
    for lock in (ROOT / folder).glob("requirements*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "http" not in text.replace("httptools", "").replace("httpx", "").replace(
            "httpcore", ""
        )


def test_all_locks_agree_on_every_version() -> None:
    versions: dict[str, set[str]] = {}
    for lock in (*ROOT.glob("*/requirements*.txt"), *ROOT.glob("tests/*/requirements*.txt")):
        for line in lock.read_text().splitlines():
            if "==" in line and not line.startswith(" "):
                name, version = line.split(";")[0].rstrip(" \\").split("==")
                versions.setdefault(name.split("[")[0], set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
