"""What the manifests allow and how replicas are replaced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.manifests import (
    ROOT,
    Manifest,
    find,
    find_container,
    find_pod,
    render_overlay,
    render_with,
)

PROGRAMS = ["gateway", "generator", "inference", "trainer"]
NAME = "app.kubernetes.io/name"

overlays = pytest.mark.parametrize("overlay", ["cpu", "gpu"])


def list_policies(program: str) -> list[Manifest]:
    """Return the specs of the network policies that select the pods of a program."""
    specs = [m["spec"] for m in render_overlay("cpu") if m["kind"] == "NetworkPolicy"]
    return [spec for spec in specs if spec["podSelector"] in ({}, {"matchLabels": {NAME: program}})]


def list_peers(rules: list[Manifest], key: str) -> set[str]:
    """Return the programs and namespaces of rules, and "*" for a rule without any."""
    peers = set()
    for rule in rules:
        if key not in rule:
            peers.add("*")
        for peer in rule.get(key, []):
            assert "ipBlock" not in peer
            pods = peer.get("podSelector", {})
            if "namespaceSelector" in peer:
                peers |= set(peer["namespaceSelector"]["matchLabels"].values())
            else:
                peers |= {pods["matchLabels"][NAME]} if "matchLabels" in pods else set()
                peers |= {v for e in pods.get("matchExpressions", []) for v in e["values"]}
    return peers


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("gateway", {"generator", "inference"}),
        ("generator", set()),
        ("inference", {"generator"}),
        ("trainer", {"generator"}),
    ],
)
def test_a_program_can_connect_only_to_other_programs_and_dns(
    program: str, expected: set[str]
) -> None:
    policies = list_policies(program)
    assert any("Egress" in policy["policyTypes"] for policy in policies)
    rules = [rule for policy in policies for rule in policy.get("egress", [])]
    assert list_peers(rules, "to") == expected | {"kube-system"}
    for rule in rules:
        if list_peers([rule], "to") == {"kube-system"}:
            assert {port["port"] for port in rule["ports"]} == {53}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("gateway", {"*", "monitoring"}),
        ("generator", {"gateway", "inference", "trainer", "monitoring"}),
        ("inference", {"gateway", "monitoring"}),
        ("trainer", set()),
    ],
)
def test_only_the_gateway_is_reachable_for_everyone(program: str, expected: set[str]) -> None:
    policies = list_policies(program)
    assert any("Ingress" in policy["policyTypes"] for policy in policies)
    rules = [rule for policy in policies for rule in policy.get("ingress", [])]
    assert list_peers(rules, "from") == expected
    for rule in rules:
        if "from" not in rule:
            assert rule["ports"] == [{"port": "http"}]


@overlays
@pytest.mark.parametrize("program", PROGRAMS)
def test_pods_meet_the_restricted_pod_security_standard(overlay: str, program: str) -> None:
    pod = find_pod(render_overlay(overlay), program)
    context = find_container(render_overlay(overlay), program)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    allowed = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}
    assert all(volume.keys() - {"name"} <= allowed for volume in pod["volumes"])
    namespace = find(render_overlay(overlay), "Namespace", "captcha")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@overlays
@pytest.mark.parametrize("program", PROGRAMS)
def test_pods_get_no_token_and_no_variables_of_services(overlay: str, program: str) -> None:
    pod = find_pod(render_overlay(overlay), program)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


def test_a_replica_without_a_model_is_not_restarted() -> None:
    container = find_container(render_overlay("cpu"), "inference")
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/ping"
    service = find(render_overlay("cpu"), "Service", "inference")
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_a_load_check_ends_before_the_startup_probe_fails() -> None:
    from inference_service.engines import ENGINES

    probe = find_container(render_overlay("gpu"), "inference")["startupProbe"]
    longest_s = max(engine.load_timeout_s for engine in ENGINES.values())
    assert probe["failureThreshold"] * probe["periodSeconds"] > longest_s


@pytest.mark.parametrize("program", ["gateway", "generator", "inference"])
def test_one_replica_at_a_time_is_replaced_or_evicted(program: str) -> None:
    deployment = find(render_overlay("cpu"), "Deployment", program)
    strategy = deployment["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
    budget = find(render_overlay("cpu"), "PodDisruptionBudget", program)
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_gateway_finds_every_replica_of_the_autoscaler() -> None:
    scaler = find(render_overlay("cpu"), "HorizontalPodAutoscaler", "inference")
    config = (ROOT / "deploy/gateway/haproxy.cfg").read_text()
    slots = {int(n) for n in re.findall(r"server-template inference 1-(\d+) ", config)}
    assert slots == {scaler["spec"]["maxReplicas"]}
    assert scaler["spec"]["minReplicas"] >= 2
    assert "replicas" not in find(render_overlay("cpu"), "Deployment", "inference")["spec"]


def test_the_component_adds_the_queue_to_the_autoscaler(tmp_path: Path) -> None:
    manifests = render_with("queue-autoscaling", "cpu", tmp_path)
    metrics = find(manifests, "HorizontalPodAutoscaler", "inference")["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]
    assert metrics[1]["pods"]["metric"] == {"name": "inference_queue_size"}


def test_models_are_shared_by_nodes() -> None:
    claims = {
        m["metadata"]["name"]: m["spec"]["accessModes"]
        for m in render_overlay("cpu")
        if m["kind"] == "PersistentVolumeClaim"
    }
    assert claims == {"models": ["ReadWriteMany"], "data": ["ReadWriteOnce"]}


def test_a_training_that_published_nothing_is_not_repeated() -> None:
    spec = find(render_overlay("cpu"), "Job", "trainer")["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = [rule for rule in spec["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
    assert rule["onExitCodes"]["values"] == [1, 2]
    (container,) = spec["template"]["spec"]["containers"]
    assert rule["onExitCodes"]["containerName"] == container["name"]


@overlays
def test_a_scheduled_training_is_the_same_training(overlay: str, tmp_path: Path) -> None:
    manifests = render_with("scheduled-training", overlay, tmp_path)
    assert not [m for m in manifests if m["kind"] == "Job"]
    job: dict[str, Any] = find(render_overlay(overlay), "Job", "trainer")["spec"]
    scheduled = find(manifests, "CronJob", "trainer")["spec"]
    assert scheduled["concurrencyPolicy"] == "Forbid"
    expected = {key: value for key, value in job.items() if key != "ttlSecondsAfterFinished"}
    assert scheduled["jobTemplate"]["spec"] == expected


def test_the_ingress_leads_to_the_gateway(tmp_path: Path) -> None:
    ingress = find(render_with("ingress", "cpu", tmp_path), "Ingress", "gateway")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["path"] == "/"
    service = path["backend"]["service"]
    assert service["name"] == "gateway"
    ports = find(render_overlay("cpu"), "Service", "gateway")["spec"]["ports"]
    assert service["port"]["name"] in [port["name"] for port in ports]
