"""A version that would end the process ends another one."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from inference_service import trial
from inference_service.engines import EngineError, OpenVinoEngine
from inference_service.models import ModelStore
from inference_service.trial import try_out


def breaking_loader(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Lets the trial run a program whose loader does `body` with version 2."""
    program = textwrap.dedent(
        f"""
        import os, signal, sys, time
        from inference_service import trial
        class Breaking(trial.LOADERS["openvino"]):
            def __init__(self, saved_model, spec, threads):
                if saved_model.name == "2":
                    {body}
                super().__init__(saved_model, spec, threads)
        trial.LOADERS["openvino"] = Breaking
        sys.argv = sys.argv[:1] + sys.argv[-2:]
        trial.main()
        """
    )
    (folder / "breaking.py").write_text(program)
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} {folder}/breaking.py "$@"\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(trial.sys, "executable", str(interpreter))


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    root = tmp_path / "models" / "captcha"
    shutil.copytree(models, root)
    shutil.copytree(models / "1", root / "2")
    return root


def test_a_good_version_passes(models: Path) -> None:
    try_out("openvino", models / "1")


def test_a_bad_version_is_refused_with_its_own_reason(root: Path) -> None:
    (root / "2" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(EngineError, match=r"saved_model\.pb has 1 bytes"):
        try_out("openvino", root / "2")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("os.abort()", "ends the process with SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ends the process with SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "perhaps it needs too much memory"),
        ("os._exit(7)", "exit status 7"),
        ("raise KeyError('something nobody thought of')", "something nobody thought of"),
    ],
)
def test_a_version_that_ends_the_loader_does_not_end_the_service(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path, body: str, why: str
) -> None:
    breaking_loader(monkeypatch, tmp_path, body)
    store = ModelStore(root, partial(OpenVinoEngine, threads=1), partial(try_out, "openvino"))
    store.refresh()
    assert store.current is not None
    assert store.current.version == 1
    assert why in store.refused[2]


def test_a_version_that_never_loads_is_given_up(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    breaking_loader(monkeypatch, tmp_path, "time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(EngineError, match="more than 2 s"):
        try_out("openvino", root / "2", timeout_s=2)
    assert time.monotonic() - began < 10
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != "-1", "only the trial's own environment"
