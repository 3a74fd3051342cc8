"""The models volume of a stack, written to as a trainer would."""

from __future__ import annotations

import subprocess

from tests.e2e.stack import Stack


class Volume:
    """A container that has the volume, to run commands in."""

    def __init__(self, stack: Stack) -> None:
        run = ("run", "-d", "--no-deps", "--entrypoint", "sleep", "trainer", "3600")
        self.container = stack.compose(*run).stdout.split()[-1]

    def sh(self, script: str) -> None:
        command = ["docker", "exec", self.container, "sh", "-ec", script]
        subprocess.run(command, check=True, capture_output=True)

    def put(self, kind: str, version: int) -> None:
        """A version of the kind, complete in one rename, as published ones are."""
        root = "/models/captcha"
        self.sh(
            f"cp -r /data/versions/{kind}/1 {root}/.incoming-test;"
            f" mv {root}/.incoming-test {root}/{version}"
        )

    def remove(self, *versions: int) -> None:
        self.sh("rm -r " + " ".join(f"/models/captcha/{version}" for version in versions))
