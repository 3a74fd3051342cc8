"""Load check: loads a version in a child process before the service loads it.

A library that parses graphs in C++ can crash, use all memory or never return. In the service
process this would crash every replica at each start, even if an older version is usable.

`python -m inference_service.models.load_check ENGINE DIRECTORY` exits with 0 if the version can be
used, and otherwise prints the reason. The status is 75, EX_TEMPFAIL of sysexits.h, if the machine
may be to blame.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from inference_service.engines import ENGINES
from inference_service.errors import EngineError, LoadInterrupted, ModelError
from inference_service.models.model_loading import load_version
from inference_service.models.rejection import describe, is_temporary
from shared.versions.artifacts import ArtifactError

_ROOT = Path(__file__).parents[2]
_TEMPORARY_FAILURE = 75


def check_loading(engine: str, directory: Path, timeout_s: float | None = None) -> None:
    """Load a version in a child process.

    Args:
        engine: value of the setting ENGINE.
        directory: the version.
        timeout_s: when to stop the process; None means the engine's `load_timeout_s`.

    Raises:
        LoadInterrupted: if the process takes too long, is ended by a signal, or the disk or the
            memory fails.
        EngineError: if it fails otherwise.
        OSError: if it cannot be started.
    """
    timeout_s = timeout_s or ENGINES[engine].load_timeout_s
    # The first process takes the whole memory of a GPU, so the load check uses the CPU.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "inference_service.models.load_check", engine, str(directory)]
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
        raise LoadInterrupted(f"loading takes more than {timeout_s:g} s") from None
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        hint = " (possibly out of memory)" if name == "SIGKILL" else ""
        raise LoadInterrupted(f"loading ended the process with {name}{hint}")
    if result.returncode > 0:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        reason = lines[-1][:500] if lines else f"exit status {result.returncode}"
        if result.returncode == _TEMPORARY_FAILURE:
            raise LoadInterrupted(reason)
        raise EngineError(reason)


def main() -> None:
    """Load the version that the command line names."""
    engine, directory = sys.argv[1:]
    try:
        load_version(Path(directory), ENGINES[engine])
    except Exception as error:
        if is_temporary(error):
            sys.stderr.write(f"{describe(error)}\n")
            sys.exit(_TEMPORARY_FAILURE)
        if isinstance(error, ArtifactError | ModelError):
            sys.exit(str(error))
        raise


if __name__ == "__main__":
    main()
