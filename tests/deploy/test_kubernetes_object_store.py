"""The component `object-store` and deploy/compose.object-store.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.manifests import (
    ROOT,
    Manifest,
    find,
    find_container,
    find_pod,
    read_object_store,
    render_overlay,
    render_with,
)

PAGE = (ROOT / "docs/kubernetes.md").read_text()


@pytest.fixture
def manifests(tmp_path: Path) -> list[Manifest]:
    return render_with("object-store", "cpu", tmp_path)


def test_the_sync_service_is_that_of_compose(manifests: list[Manifest]) -> None:
    service = read_object_store()["services"]["sync"]
    container = find_container(manifests, "sync")
    assert container["command"] == service["command"]
    assert service["mem_limit"] == "256m"
    assert container["resources"]["limits"]["memory"] == "256Mi"
    assert service["volumes"] == ["models:/models"]
    assert container["volumeMounts"] == [{"name": "models", "mountPath": "/models"}]
    command = container["readinessProbe"]["exec"]["command"]
    assert command[-1] == service["healthcheck"]["test"][-1].replace("$$", "$")


def test_the_images_have_the_library(manifests: list[Manifest]) -> None:
    services = read_object_store()["services"]
    for name in ("sync", "trainer"):
        image = find_container(manifests, name)["image"]
        ((argument, lock),) = services[name]["build"]["args"].items()
        assert f"--build-arg {argument}={lock} -t {image} .\n" in PAGE


def test_the_sync_service_has_the_restrictions_of_the_other_programs(
    manifests: list[Manifest],
) -> None:
    other = find_pod(render_overlay("cpu"), "generator")
    pod = find_pod(manifests, "sync")
    for key, value in other.items():
        if key not in {"containers", "volumes", "topologySpreadConstraints"}:
            assert pod[key] == value, key
    context = other["containers"][0]["securityContext"]
    assert pod["containers"][0]["securityContext"] == context


def test_only_the_sync_service_and_the_trainer_have_the_credentials_and_a_way_out(
    manifests: list[Manifest],
) -> None:
    secret = {"secretRef": {"name": "store"}}
    for name in ("gateway", "generator", "inference"):
        assert secret not in find_container(manifests, name)["envFrom"]
    for name in ("sync", "trainer"):
        assert secret in find_container(manifests, name)["envFrom"]
    outside = [
        m["spec"]
        for m in manifests
        if m["kind"] == "NetworkPolicy" and "ipBlock" in str(m["spec"].get("egress"))
    ]
    (policy,) = outside
    (selected,) = policy["podSelector"]["matchExpressions"]
    assert selected["values"] == ["sync", "trainer"]


def test_the_trainer_keeps_its_settings(manifests: list[Manifest]) -> None:
    settings = find_container(render_overlay("cpu"), "trainer")["envFrom"]
    assert find_container(manifests, "trainer")["envFrom"][:1] == settings
    assert find(manifests, "ConfigMap", "trainer-settings")
