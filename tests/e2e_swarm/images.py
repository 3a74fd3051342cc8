"""The images of the stack, built by the commands of docs/cluster.md."""

from __future__ import annotations

import re
import shlex
import subprocess

from tests.deploy.swarm_stack import list_build_commands
from tests.e2e.stack import ROOT
from tests.e2e_swarm.cluster import REGISTRY, TAG

INFERENCE = f"{REGISTRY}/captcha-inference"
# The same program with another label, and one that ends at once.
NEXT = f"FROM {INFERENCE}:{TAG}\nLABEL release=next\n"
BROKEN = f'FROM {INFERENCE}:{TAG}\nCMD ["python", "-c", "import sys; sys.exit(1)"]\n'


def build_images() -> list[str]:
    """Build the images of the stack and two more of the inference service; return their names."""
    names = []
    for command in list_build_commands():
        local = re.sub(r"registry\.example\.com/(\S+):\S+", rf"{REGISTRY}/\1:{TAG}", command)
        subprocess.run(shlex.split(local), cwd=ROOT, check=True, capture_output=True)
        names.append(shlex.split(local)[-2])
    for tag, dockerfile in (("next", NEXT), ("broken", BROKEN)):
        name = f"{INFERENCE}:{tag}"
        subprocess.run(
            ["docker", "build", "-q", "-t", name, "-"],
            input=dockerfile.encode(), check=True, capture_output=True,
        )  # fmt: skip
        names.append(name)
    return names
