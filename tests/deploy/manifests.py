"""What `kubectl kustomize` renders, and docker-compose.yml, as dictionaries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())

Manifest = dict[str, Any]


def require(program: str, package: str) -> None:
    """Skip the test, or fail it in CI, if a program is not installed."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs {program}: apt-get install {package}")
        pytest.skip(f"needs {program}: apt-get install {package}")


@cache
def render(directory: Path) -> list[Manifest]:
    """Return the manifests of a directory with a kustomization.yaml."""
    require("kubectl", "kubernetes-client")
    result = subprocess.run(
        ["kubectl", "kustomize", str(directory)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def render_overlay(name: str) -> list[Manifest]:
    """Return the manifests of `cpu` or `gpu`."""
    return render(KUBERNETES / "overlays" / name)


def render_with(component: str, overlay: str, directory: Path) -> list[Manifest]:
    """Return the manifests of an overlay with a component, written to an empty directory."""
    path = os.path.relpath(KUBERNETES, directory.resolve())
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{path}/overlays/{overlay}"],
        "components": [f"{path}/components/{component}"],
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(directory)


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the manifest of a kind and name; a generated name has a suffix."""
    pattern = rf"{name}(-[a-z0-9]{{10}})?"
    (found,) = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and re.fullmatch(pattern, manifest["metadata"]["name"])
    ]
    return found


def find_pod(manifests: list[Manifest], name: str) -> Manifest:
    """Return the pod's spec of a program."""
    kind = "Job" if name == "trainer" else "Deployment"
    pod: Manifest = find(manifests, kind, name)["spec"]["template"]["spec"]
    return pod


def find_container(manifests: list[Manifest], name: str) -> Manifest:
    """Return the only container of a program."""
    (container,) = find_pod(manifests, name)["containers"]
    return container


@cache
def read_compose() -> Manifest:
    """Return docker-compose.yml, with variables that are not replaced."""
    compose: Manifest = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return compose


def read_service(overlay: str, name: str) -> Manifest:
    """Return the Compose service of a program in a profile."""
    has_gpu_service = overlay == "gpu" and name in {"inference", "trainer"}
    service: Manifest = read_compose()["services"][f"{name}-gpu" if has_gpu_service else name]
    return service


@cache
def read_object_store() -> Manifest:
    """Return the Compose file that adds an object store."""
    override: Manifest = yaml.safe_load((ROOT / "deploy/compose.object-store.yml").read_text())
    return override


def resolve_default(value: object) -> str:
    """Return a value of docker-compose.yml if no variable is set."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value))
