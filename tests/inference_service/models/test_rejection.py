from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from inference_service.errors import EngineError, GoldenCheckError, LoadInterrupted
from inference_service.models.rejection import RETRY_S, Rejection, sign_files
from shared.versions.artifacts import ArtifactError, verify
from tests.inference_service.versions import edit_manifest, remove_graph


def is_temporary(error: Exception) -> bool:
    rejection = Rejection.from_error(error, (), now_s=100.0)
    assert rejection.is_valid((), 100.0 + RETRY_S - 1)
    return not rejection.is_valid((), 100.0 + RETRY_S)


def caused_by(cause: OSError) -> ArtifactError:
    """Return the error of `verify` for a file that cannot be read."""
    error = ArtifactError("saved_model.pb cannot be read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        LoadInterrupted("loading takes more than 20 s"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.EMFILE, "Too many open files"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        MemoryError(),
        caused_by(OSError(errno.EIO, "Input/output error")),
        caused_by(PermissionError(errno.EACCES, "Permission denied")),
    ],
)
def test_after_a_failure_of_the_machine_a_version_is_checked_again(error: Exception) -> None:
    assert is_temporary(error)


@pytest.mark.parametrize(
    "error",
    [
        ArtifactError("manifest.json is missing"),
        GoldenCheckError("the golden sample was predicted as '1'"),
        EngineError("exit status 7"),
        KeyError("an unexpected problem"),
    ],
)
def test_a_version_that_cannot_be_used_is_not_checked_again(error: Exception) -> None:
    assert not is_temporary(error)


def test_a_version_without_one_of_its_files_is_not_checked_again(versions: Path) -> None:
    remove_graph(versions / "1")
    with pytest.raises(ArtifactError) as raised:
        verify(versions / "1")
    assert not is_temporary(raised.value)


def test_a_rejection_ends_when_the_files_change(versions: Path) -> None:
    before = sign_files(versions / "1")
    rejection = Rejection.from_error(ArtifactError("damaged"), before, now_s=0)
    assert rejection.is_valid(sign_files(versions / "1"), now_s=1)
    edit_manifest(versions / "1", created="2026-02-02T00:00:00+00:00")
    assert not rejection.is_valid(sign_files(versions / "1"), now_s=1)


def test_a_directory_that_is_gone_has_no_files(versions: Path) -> None:
    shutil.rmtree(versions)
    assert sign_files(versions / "1") == ()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EIO, "Input/output error", "/models"), "loading failed: Input/output error"),
        (OSError("no number"), "no number"),
        (EngineError("exit status 7"), "exit status 7"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_the_reason_is_a_sentence_without_a_path(error: Exception, reason: str) -> None:
    assert Rejection.from_error(error, (), now_s=0).reason == reason
