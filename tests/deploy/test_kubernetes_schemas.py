"""Every rendered manifest is valid in three releases of Kubernetes."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy.manifests import (
    COMPONENTS,
    KUBERNETES,
    Manifest,
    find,
    find_container,
    find_pod,
    render_overlay,
    render_with,
)

RELEASES = ["1.35", "1.36", "1.37"]
REMOVAL: Manifest = yaml.safe_load((KUBERNETES / "remove-version.yaml").read_text())


def validate(manifests: list[Manifest], release: str) -> None:
    assert manifests
    for manifest in manifests:
        assert kubernetes_validate.validate(manifest, release, strict=True) == release


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_an_overlay_is_valid(overlay: str, release: str) -> None:
    validate(render_overlay(overlay), release)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_valid(component: str, tmp_path: Path) -> None:
    known = render_overlay("cpu")
    changed = [m for m in render_with(component, "cpu", tmp_path) if m not in known]
    for release in RELEASES:
        validate(changed, release)


@pytest.mark.parametrize("release", RELEASES)
def test_the_removal_of_a_version_is_valid(release: str) -> None:
    validate([REMOVAL], release)


def test_the_removal_of_a_version_has_the_restrictions_of_the_trainer() -> None:
    trainer = find_pod(render_overlay("cpu"), "trainer")
    pod = REMOVAL["spec"]["template"]["spec"]
    assert pod["securityContext"] == trainer["securityContext"]
    for key in ("securityContext", "image"):
        expected = find_container(render_overlay("cpu"), "inference")[key]
        assert pod["containers"][0][key] == expected
    assert find(render_overlay("cpu"), "Namespace", REMOVAL["metadata"]["namespace"])


def test_an_unknown_field_is_invalid() -> None:
    pod = {"containers": [{"name": "a", "memory": "1Gi"}]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": pod}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, RELEASES[0], strict=True)
