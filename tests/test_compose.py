"""The configuration that Compose resolves, without starting anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((*ROOT.glob("*/requirements*.txt"), *ROOT.glob("tests/*/requirements*.txt")))


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "compose", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


# In CI these tests run and fail without Compose instead of being skipped.
needs_compose = pytest.mark.skipif(
    not has_compose() and not os.environ.get("CI"), reason="needs `docker compose`"
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
    # The gateway resolves the name "inference" in both profiles.
    assert services["inference-gpu"]["networks"]["internal"]["aliases"] == ["inference"]


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_only_the_gateway_publishes_a_port_and_every_service_can_be_scaled(profile: str) -> None:
    services = resolve("--profile", profile, PORT="5123")["services"]
    published = {name: s["ports"] for name, s in services.items() if s.get("ports")}
    assert list(published) == ["gateway"]
    assert [port["published"] for port in published["gateway"]] == ["5123", "5001"]
    public, operator = published["gateway"]
    assert operator["host_ip"] == "127.0.0.1"
    assert "host_ip" not in public
    for service in services.values():
        assert "container_name" not in service


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_only_the_gateway_is_on_a_network_with_a_route_to_the_outside(profile: str) -> None:
    config = resolve("--profile", profile)
    assert config["networks"]["internal"]["internal"] is True
    for name, service in config["services"].items():
        expected = {"default", "internal"} if name == "gateway" else {"internal"}
        assert set(service["networks"]) == expected, name


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_every_container_is_restricted_and_limited(profile: str) -> None:
    services = resolve("--profile", profile)["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert "healthcheck" in service or name.startswith("trainer"), name
        assert "image" not in service or name == "gateway", "two clones would share it"
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
    mounts = {
        name: [(m["target"], m.get("read_only", False)) for m in service["volumes"]]
        for name, service in services.items()
    }
    suffix = "-gpu" if profile == "gpu" else ""
    assert mounts[f"inference{suffix}"] == [("/models", True)]
    assert mounts[f"trainer{suffix}"] == [("/models", False), ("/data", False), ("/presets", True)]
    assert mounts["generator"] == [("/fonts", True), ("/voices", True)]


@needs_compose
@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_with_an_object_store_only_sync_and_trainer_reach_it(profile: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "deploy/store.env").write_text("MODELS_URL=s3://bucket/path\n")
    result = subprocess.run(
        ["docker", "compose", "-f", "docker-compose.yml", "-f", "deploy/compose.object-store.yml",
         "--profile", profile, "config", "--format", "json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    services = json.loads(result.stdout)["services"]
    sync, trainer = services["sync"], f"trainer{'-gpu' if profile == 'gpu' else ''}"
    with_url = {n for n, s in services.items() if (s.get("environment") or {}).get("MODELS_URL")}
    assert with_url == {"sync", trainer}
    outside = {name for name, service in services.items() if "default" in service["networks"]}
    assert outside == {"gateway", "sync", trainer}
    assert set(sync["networks"]) == {"default"}
    assert (sync["read_only"], sync["cap_drop"], sync["init"]) == (True, ["ALL"], True)
    assert not sync.get("ports")
    assert sync["build"]["args"]["REQUIREMENTS"].endswith("requirements-sync.txt")
    arguments = services[trainer]["build"]["args"]
    assert arguments["MORE_REQUIREMENTS"].endswith("requirements-object-store.txt")


@needs_compose
def test_presets_are_mounted_from_the_presets_directory(tmp_path: Path) -> None:
    for environment, expected in (
        ({}, ROOT / "trainer/presets"),
        ({"PRESETS_DIR": str(tmp_path)}, tmp_path),
    ):
        volumes = resolve(**environment)["services"]["trainer"]["volumes"]
        (mount,) = [volume for volume in volumes if volume["target"] == "/presets"]
        assert Path(mount["source"]) == expected


@pytest.mark.parametrize("folder", ["generator_service", "inference_service", "trainer"])
def test_images_install_hashed_locks_and_do_not_run_as_root(folder: str) -> None:
    dockerfile = (ROOT / folder / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert "/app/.venv" in dockerfile
    assert "\nUSER app\n" in dockerfile


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_locks_contain_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_all_locks_agree_on_every_version() -> None:
    assert len(LOCKS) == 11
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for line in lock.read_text().splitlines():
            if "==" in line and not line.startswith(" "):
                name, version = line.split(";")[0].rstrip(" \\").split("==")
                versions.setdefault(name.split("[")[0], set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
