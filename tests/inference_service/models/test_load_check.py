from __future__ import annotations

import os
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.errors import EngineError, LoadInterrupted
from inference_service.models import load_check
from inference_service.models.load_check import check_loading
from inference_service.models.model_store import ModelStore
from tests.inference_service.versions import copy_version


def use_failing_engine(monkeypatch: pytest.MonkeyPatch, directory: Path, statement: str) -> None:
    """Let the child process run `statement` when its engine loads version 2."""
    program = f"""
        import os, signal, sys, time
        from inference_service.models import load_check
        class Failing(load_check.ENGINES["openvino"]):
            def __init__(self, saved_model, spec):
                if saved_model.name == "2":
                    {statement}
                super().__init__(saved_model, spec)
        load_check.ENGINES["openvino"] = Failing
        sys.argv = sys.argv[:1] + sys.argv[-2:]
        load_check.main()
        """
    script = directory / "failing.py"
    script.write_text(textwrap.dedent(program))
    interpreter = directory / "python"
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(load_check.sys, "executable", str(interpreter))


def test_a_usable_version_passes_and_the_environment_is_unchanged(real_versions: Path) -> None:
    before = dict(os.environ)
    check_loading("openvino", real_versions / "1")
    assert os.environ == before


def test_a_damaged_version_fails_with_its_reason(real_versions: Path) -> None:
    (real_versions / "1" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(EngineError, match=r"saved_model\.pb has 1 bytes"):
        check_loading("openvino", real_versions / "1")


@pytest.mark.parametrize(
    ("statement", "kind", "reason"),
    [
        ("os.abort()", LoadInterrupted, "loading ended the process with SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", LoadInterrupted, "the process with SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", LoadInterrupted, r"SIGKILL \(possibly out of mem"),
        ("os._exit(7)", EngineError, "exit status 7"),
        ("raise KeyError('an unexpected problem')", EngineError, "an unexpected problem"),
        (
            "raise OSError(5, 'Input/output error')",
            LoadInterrupted,
            "^loading failed: Input",
        ),
        ("raise MemoryError", LoadInterrupted, "^MemoryError$"),
    ],
)
def test_a_version_that_ends_the_process_fails_with_the_cause(
    monkeypatch: pytest.MonkeyPatch,
    real_versions: Path,
    tmp_path: Path,
    statement: str,
    kind: type[EngineError],
    reason: str,
) -> None:
    use_failing_engine(monkeypatch, tmp_path, statement)
    with pytest.raises(EngineError, match=reason) as raised:
        check_loading("openvino", copy_version(real_versions, 2))
    assert raised.type is kind


def test_a_store_survives_a_version_that_crashes_the_loader(
    monkeypatch: pytest.MonkeyPatch, real_versions: Path, tmp_path: Path
) -> None:
    use_failing_engine(monkeypatch, tmp_path, "os.abort()")
    copy_version(real_versions, 2)
    store = ModelStore(
        real_versions,
        OpenVinoEngine,
        check_loading=partial(check_loading, "openvino"),
    )
    store.refresh()
    assert store.active is not None
    assert store.active.model.version == 1
    assert store.rejected == {2: "loading ended the process with SIGABRT"}


def test_a_version_that_never_finishes_loading_fails_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch, real_versions: Path, tmp_path: Path
) -> None:
    use_failing_engine(monkeypatch, tmp_path, "time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(LoadInterrupted, match="loading takes more than 1 s"):
        check_loading("openvino", copy_version(real_versions, 2), timeout_s=1)
    assert time.monotonic() - started < 30
