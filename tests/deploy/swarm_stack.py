"""deploy/swarm/stack.yml and the commands of docs/cluster.md."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from tests.deploy.manifests import ROOT

PAGE = ROOT / "docs/cluster.md"


@cache
def read_stack() -> dict[str, Any]:
    """Return the stack, with variables that are not replaced."""
    stack: dict[str, Any] = yaml.safe_load((ROOT / "deploy/swarm/stack.yml").read_text())
    return stack


def list_build_commands() -> list[str]:
    """Return the commands that build the images, as printed."""
    return re.findall(r"^docker build .*$", PAGE.read_text(), re.MULTILINE)
