"""Loads a version in a process of its own first: what kills or hangs the loader must not kill us.

A library that parses graphs in C++ can crash on one, take all memory, or never end. Met in the
service itself that would end it, and end it again after every restart, while an older version
that works lies beside it.

`python -m inference_service.trial ENGINE DIRECTORY` exits 0 if the version can be used, else
prints why not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from inference_service.engines import LOADERS, EngineError
from inference_service.models import load_version
from shared.artifacts import ArtifactError

_ROOT = Path(__file__).parents[1]


def try_out(engine: str, directory: Path, timeout_s: float | None = None) -> None:
    """Returns if a process of its own could load the version. Raises EngineError saying why not."""
    timeout_s = timeout_s or LOADERS[engine].load_timeout_s
    # Memory of a GPU is taken whole by the first process: the trial stays on the CPU.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "inference_service.trial", engine, str(directory)]
    try:
        result = subprocess.run(  # noqa: S603 - our own module, a path as one argument
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"loading it takes more than {timeout_s:g} s") from None
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        more = " (perhaps it needs too much memory)" if name == "SIGKILL" else ""
        raise EngineError(f"loading it ends the process with {name}{more}")
    if result.returncode > 0:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise EngineError(lines[-1][:500] if lines else f"exit status {result.returncode}")


def main() -> None:
    """Loads the version that the command line names, as the service would."""
    engine, directory = sys.argv[1:]
    try:
        load_version(Path(directory), partial(LOADERS[engine], threads=1))
    except (ArtifactError, EngineError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
