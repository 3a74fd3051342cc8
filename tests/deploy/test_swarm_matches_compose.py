"""The stack and docker-compose.yml run the same programs with the same settings."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import ROOT, read_compose, read_object_store, resolve_default
from tests.deploy.swarm_stack import list_build_commands, read_stack

PROGRAMS = ["gateway", "generator", "inference", "trainer"]
STORE_PROGRAMS = ["sync", "trainer"]
# Swarm has its own way to find the replicas.
ONLY_IN_THE_STACK = {
    "gateway": {"GENERATOR_NAME": "tasks.generator", "INFERENCE_NAME": "tasks.inference"}
}
# Directories of this machine; docs/cluster.md says what replaces them.
BIND_MOUNTS = {
    "/fonts", "/voices", "/presets", "/usr/local/etc/haproxy/haproxy.cfg", "/tokens", "/tls",
}  # fmt: skip

programs = pytest.mark.parametrize("program", PROGRAMS)
everything = pytest.mark.parametrize("program", [*PROGRAMS, "sync"])


def read_service(program: str) -> dict[str, Any]:
    """Return the service of Compose; the trainer with the options for an object store."""
    if program == "sync":
        sync: dict[str, Any] = read_object_store()["services"]["sync"]
        return sync
    service: dict[str, Any] = read_compose()["services"][program]
    if program == "trainer":
        return service | read_object_store()["services"]["trainer"]
    return service


def read_bytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([kmg])", size.lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"k": 10, "m": 20, "g": 30}[unit]


def test_the_same_programs_run() -> None:
    assert set(read_stack()["services"]) == {*PROGRAMS, "sync"}


@programs
def test_settings_have_the_same_names_and_defaults(program: str) -> None:
    settings = dict(read_stack()["services"][program]["environment"])
    for name, value in ONLY_IN_THE_STACK.get(program, {}).items():
        assert settings.pop(name) == value
    assert settings == read_compose()["services"][program]["environment"]


@pytest.mark.parametrize("program", STORE_PROGRAMS)
def test_the_credentials_are_in_the_same_file(program: str) -> None:
    (path,) = read_stack()["services"][program]["env_file"]
    (expected,) = read_service(program)["env_file"]
    assert (ROOT / "deploy/swarm" / path).resolve() == ROOT / expected


@everything
def test_images_are_those_of_compose(program: str) -> None:
    service, image = read_service(program), read_stack()["services"][program]["image"]
    if "image" in service:
        assert image == service["image"]
        return
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"registry.example.com/captcha-{program}:{version}"
    assert resolve_default(image) == name
    build = read_compose()["services"].get(program, {}).get("build", {}) | service["build"]
    arguments = build.get("args", {})
    options = "".join(f" --build-arg {name}={value}" for name, value in arguments.items())
    command = f"docker build -f {build['dockerfile']}{options} -t {name} ."
    assert command in list_build_commands()


@everything
def test_limits_are_the_same(program: str) -> None:
    service = read_service(program)
    limits = read_stack()["services"][program]["deploy"]["resources"]["limits"]
    assert read_bytes(limits["memory"]) == read_bytes(service["mem_limit"])
    assert limits["pids"] == service["pids_limit"]


@everything
def test_mounts_are_the_same(program: str) -> None:
    service, stack = read_service(program), read_stack()["services"][program]
    expected: dict[str, tuple[str, object]] = {}
    for volume in service.get("volumes", []):
        source, target, *options = resolve_default(volume).split(":")
        if target not in BIND_MOUNTS:
            expected[target] = ("volume", (source, options == ["ro"]))
    for option in service.get("tmpfs", []):
        target, size = option.split(":size=")
        expected[target] = ("tmpfs", read_bytes(size))
    mounts: dict[str, tuple[str, object]] = {}
    for mount in stack.get("volumes", []):
        kind = mount["type"]
        details = (
            mount["tmpfs"]["size"]
            if kind == "tmpfs"
            else (mount["source"], mount.get("read_only", False))
        )
        mounts[mount["target"]] = (kind, details)
    assert mounts == expected


@everything
def test_restrictions_networks_and_health_checks_are_the_same(program: str) -> None:
    service, stack = read_service(program), read_stack()["services"][program]
    names = (
        "read_only", "init", "cap_drop", "logging", "networks", "command", "healthcheck",
        "stop_grace_period",
    )  # fmt: skip
    for name in names:
        assert stack.get(name) == service.get(name), name
    assert read_stack()["networks"]["internal"]["internal"] is True


def test_the_gateway_reads_the_same_configuration_in_host_mode() -> None:
    stack, service = read_stack()["services"]["gateway"], read_compose()["services"]["gateway"]
    (config,) = stack["configs"]
    path = ROOT / "deploy/swarm" / read_stack()["configs"][config["source"]]["file"]
    source, target, _ = service["volumes"][0].split(":")
    assert path.resolve() == ROOT / source
    assert config["target"] == target
    (port,) = stack["ports"]
    # The port for operators has no address here: Swarm cannot bind it to 127.0.0.1.
    assert service["ports"][0] == f"{port['published']}:{port['target']}"
    assert port["mode"] == "host"
    # A config cannot be changed, so a release must not use the name of the one before.
    assert "${TAG" in read_stack()["configs"][config["source"]]["name"]


def test_no_update_stops_all_replicas_or_continues_after_a_failure() -> None:
    for name, service in read_stack()["services"].items():
        if name == "trainer":
            continue
        update = service["deploy"]["update_config"]
        assert (update["parallelism"], update["failure_action"]) == (1, "rollback")
        is_alone_on_its_node = service["deploy"].get("mode") == "global"
        assert update["order"] == ("stop-first" if is_alone_on_its_node else "start-first")


def test_docker_accepts_the_stack(tmp_path: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("needs the docker command")
    (tmp_path / "swarm").mkdir()
    shutil.copy(ROOT / "deploy/swarm/stack.yml", tmp_path / "swarm")
    (tmp_path / "store.env").write_text("MODELS_URL=s3://bucket/path\n")
    result = subprocess.run(
        ["docker", "stack", "config", "-c", str(tmp_path / "swarm/stack.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Ignoring" not in result.stderr
    services = yaml.safe_load(result.stdout)["services"]
    assert services["sync"]["environment"]["MODELS_URL"] == "s3://bucket/path"
    assert services["inference"]["deploy"]["replicas"] == 3


def test_the_port_for_operators_is_published_only_on_request() -> None:
    assert len(read_stack()["services"]["gateway"]["ports"]) == 1
    more = yaml.safe_load((ROOT / "deploy/swarm/operator.yml").read_text())["services"]
    (port,) = more.pop("gateway")["ports"]
    assert not more
    assert port["mode"] == "host"
    *_, target = read_compose()["services"]["gateway"]["ports"][1].split(":")
    assert str(port["target"]) == target
