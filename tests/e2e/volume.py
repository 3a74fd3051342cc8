"""The models volume of a stack, changed as a trainer changes it."""

from __future__ import annotations

import subprocess

from tests.e2e.stack import Stack


class Volume:
    """A container with the models volume, for shell commands."""

    def __init__(self, stack: Stack) -> None:
        run = ("run", "-d", "--no-deps", "--entrypoint", "sleep", "trainer", "3600")
        self.container = stack.compose(*run).stdout.split()[-1]

    def sh(self, script: str) -> None:
        """Run a shell script in the container."""
        command = ["docker", "exec", self.container, "sh", "-ec", script]
        subprocess.run(command, check=True, capture_output=True)

    def put(self, kind: str, version: int) -> None:
        """Add a prepared version with one rename, as the trainer publishes."""
        root = "/models/captcha"
        self.sh(
            f"cp -r /data/versions/{kind}/1 {root}/.partial-test;"
            f" mv {root}/.partial-test {root}/{version}"
        )

    def remove(self, *versions: int) -> None:
        """Remove versions, whether they exist or not."""
        self.sh("rm -rf " + " ".join(f"/models/captcha/{version}" for version in versions))
