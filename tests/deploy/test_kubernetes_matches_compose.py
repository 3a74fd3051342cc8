"""The manifests and docker-compose.yml run the same programs with the same settings."""

from __future__ import annotations

import re
import tomllib

import pytest

from inference_service.requests.request_body import UPLOAD_TIMEOUT_S
from inference_service.settings import Settings
from tests.deploy.manifests import (
    ROOT,
    find,
    find_container,
    find_pod,
    read_compose,
    read_service,
    render_overlay,
    resolve_default,
)

PROGRAMS = ["gateway", "generator", "inference", "trainer"]
PAGE = (ROOT / "docs/kubernetes.md").read_text()

overlays = pytest.mark.parametrize("overlay", ["cpu", "gpu"])
programs = pytest.mark.parametrize("program", PROGRAMS)


def read_size(text: str) -> int:
    """Return bytes: Docker's `4g` and Kubernetes' `4Gi` are the same."""
    number, unit = re.fullmatch(r"(\d+)([kmgKMG])i?", text).groups()  # type: ignore[union-attr]
    return int(number) << {"k": 10, "m": 20, "g": 30}[unit.lower()]


def read_seconds(text: str) -> int:
    return int(text.removesuffix("s"))


@overlays
def test_the_same_programs_run(overlay: str) -> None:
    services = {
        name.removesuffix("-gpu")
        for name, service in read_compose()["services"].items()
        if service.get("profiles", [overlay]) == [overlay]
    }
    assert services == set(PROGRAMS)
    manifests = render_overlay(overlay)
    workloads = {m["metadata"]["name"] for m in manifests if m["kind"] in {"Deployment", "Job"}}
    assert workloads == set(PROGRAMS)


@overlays
@programs
def test_settings_have_the_same_names_and_defaults(overlay: str, program: str) -> None:
    environment = read_service(overlay, program)["environment"]
    settings = find(render_overlay(overlay), "ConfigMap", f"{program}-settings")
    assert settings["data"] == {name: resolve_default(v) for name, v in environment.items()}
    reference = {"configMapRef": {"name": settings["metadata"]["name"]}}
    assert find_container(render_overlay(overlay), program)["envFrom"] == [reference]


@overlays
@programs
def test_images_are_those_of_compose(overlay: str, program: str) -> None:
    service = read_service(overlay, program)
    image = find_container(render_overlay(overlay), program)["image"]
    if "image" in service:
        assert image == service["image"]
        return
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    arguments = service["build"].get("args", {})
    suffix = "-gpu" if arguments else ""
    assert image == f"registry.example.com/captcha-{program}{suffix}:{version}"
    options = "".join(f" --build-arg {name}={value}" for name, value in arguments.items())
    dockerfile = service["build"]["dockerfile"]
    assert f"docker build -f {dockerfile}{options} -t {image} .\n" in PAGE


@overlays
@programs
def test_memory_limits_are_the_same(overlay: str, program: str) -> None:
    resources = find_container(render_overlay(overlay), program)["resources"]
    service = read_service(overlay, program)
    assert read_size(resources["limits"]["memory"]) == read_size(service["mem_limit"])
    assert read_size(resources["requests"]["memory"]) <= read_size(service["mem_limit"])
    gpus = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
    assert int(resources["limits"].get("nvidia.com/gpu", 0)) == sum(gpu["count"] for gpu in gpus)


@overlays
def test_a_replica_that_stops_has_the_same_time(overlay: str) -> None:
    grace_s = find_pod(render_overlay(overlay), "inference")["terminationGracePeriodSeconds"]
    assert read_service(overlay, "inference")["stop_grace_period"] == f"{grace_s}s"
    drain = Settings.model_fields["drain_s"]
    (longest_s,) = [limit.le for limit in drain.metadata if hasattr(limit, "le")]
    assert grace_s > longest_s + UPLOAD_TIMEOUT_S


@overlays
@programs
def test_mounts_are_the_same(overlay: str, program: str) -> None:
    service = read_service(overlay, program)
    mounts = find_container(render_overlay(overlay), program)["volumeMounts"]
    volumes = {v["name"]: v for v in find_pod(render_overlay(overlay), program)["volumes"]}
    expected = {}
    for volume in service.get("volumes", []):
        source, target, *options = resolve_default(volume).split(":")
        # A ConfigMap replaces a directory, never a single file.
        expected[target.removesuffix("/haproxy.cfg")] = options == ["ro"]
        if "/" not in source:
            (mount,) = [mount for mount in mounts if mount["mountPath"] == target]
            claim = volumes[mount["name"]]["persistentVolumeClaim"]["claimName"]
            assert claim == source
            assert find(render_overlay(overlay), "PersistentVolumeClaim", claim)
    sizes = {}
    for option in service.get("tmpfs", []):
        target, size = option.split(":size=")
        expected[target] = False
        sizes[target] = read_size(size)
    assert {m["mountPath"]: m.get("readOnly", False) for m in mounts} == expected
    for mount in mounts:
        if mount["mountPath"] in sizes:
            directory = volumes[mount["name"]]["emptyDir"]
            assert directory["medium"] == "Memory"
            assert read_size(directory["sizeLimit"]) == sizes[mount["mountPath"]]


@overlays
@pytest.mark.parametrize("program", ["gateway", "generator", "inference"])
def test_the_health_check_of_compose_is_a_probe(overlay: str, program: str) -> None:
    check = read_service(overlay, program)["healthcheck"]
    container = find_container(render_overlay(overlay), program)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    if check["test"][1] == "bash":
        port = int(check["test"][3].rpartition("/")[2])
        probe = container["livenessProbe"]
        assert ports[probe["tcpSocket"]["port"]] == port
    else:
        port, path = check["test"][-2:]
        kind = "readinessProbe" if path == "/ready" else "livenessProbe"
        probe = container[kind]
        assert ports[probe["httpGet"]["port"]] == int(port)
        assert probe["httpGet"]["path"] == path
    assert probe["periodSeconds"] == read_seconds(check["interval"])
    assert probe["timeoutSeconds"] == read_seconds(check["timeout"])
    assert probe["failureThreshold"] == check["retries"]
    startup = container["startupProbe"]
    assert startup["periodSeconds"] == read_seconds(check["start_interval"])
    assert startup["failureThreshold"] >= read_seconds(check["start_period"])


@overlays
@programs
def test_restrictions_are_the_same(overlay: str, program: str) -> None:
    service = read_service(overlay, program)
    pod = find_pod(render_overlay(overlay), program)
    context = find_container(render_overlay(overlay), program)["securityContext"]
    assert context["readOnlyRootFilesystem"] is service["read_only"]
    assert context["capabilities"] == {"drop": service["cap_drop"]}
    privileges = "no-new-privileges:true" in service["security_opt"]
    assert context["allowPrivilegeEscalation"] is not privileges
    assert pod["shareProcessNamespace"] is service["init"]
    if "build" in service:
        dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
        assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile


@overlays
def test_the_gateway_reads_the_same_configuration_and_finds_the_services(overlay: str) -> None:
    manifests = render_overlay(overlay)
    config = find(manifests, "ConfigMap", "gateway-config")
    text = (ROOT / "deploy/gateway/haproxy.cfg").read_text()
    assert config["data"] == {"haproxy.cfg": text}
    volumes = find_pod(manifests, "gateway")["volumes"]
    (volume,) = [volume for volume in volumes if "configMap" in volume]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    names = {e["name"]: e.get("value") for e in find_container(manifests, "gateway")["env"]}
    for program in ("generator", "inference"):
        service = find(manifests, "Service", program)
        assert service["spec"]["clusterIP"] == "None"
        (port,) = service["spec"]["ports"]
        name = f"{program.upper()}_NAME"
        assert names[name] == f"{program}.$(NAMESPACE).svc.cluster.local"
        assert f'"${{{name}}}:{port["port"]}"' in text
    # Kubernetes replaces $(NAMESPACE) only if it is defined before.
    assert next(iter(names)) == "NAMESPACE"


def test_only_the_port_of_the_gateway_has_an_address() -> None:
    services = [m for m in render_overlay("cpu") if m["kind"] == "Service"]
    (public,) = [m for m in services if m["spec"].get("clusterIP") != "None"]
    assert public["metadata"]["name"] == "gateway"
    published, operator = read_compose()["services"]["gateway"]["ports"]
    assert [port["port"] for port in public["spec"]["ports"]] == [int(published.split(":")[-1])]
    assert resolve_default(operator) == "127.0.0.1:5001:5001"
    container = find_container(render_overlay("cpu"), "gateway")
    assert {"name": "operator", "containerPort": 5001} in container["ports"]
