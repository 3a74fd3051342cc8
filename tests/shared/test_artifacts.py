from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from shared.artifacts import (
    ArtifactError,
    Golden,
    ManifestDraft,
    list_versions,
    publish,
    read_manifest,
    verify,
)
from shared.spec import CaptchaSpec


def draft(recipe: str = "r") -> ManifestDraft:
    return ManifestDraft(
        created="2026-01-01T00:00:00+00:00",
        recipe=recipe,
        spec=CaptchaSpec().to_dict(),
        drawing={},
        config={},
        metrics={"accuracy": 1.0},
        libraries={},
        golden=Golden(image="", text="0000", probabilities=[[1.0]]),
    )


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    directory = tmp_path / "exported"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "data").write_bytes(b"weights")
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models" / "captcha"


def test_versions_are_numbered_from_one(exported: Path, root: Path) -> None:
    assert list_versions(root) == []
    assert [publish(exported, root, draft()) for _ in range(3)] == [1, 2, 3]
    assert list_versions(root) == [1, 2, 3]


def test_a_published_version_verifies_and_keeps_what_it_was_given(
    exported: Path, root: Path
) -> None:
    publish(exported, root, draft("abc"))
    manifest = verify(root / "1")
    assert manifest.recipe == "abc"
    assert set(manifest.files) == {"saved_model.pb", "variables/data"}
    assert manifest.captcha_spec == CaptchaSpec()


def test_a_number_is_never_used_twice_even_if_its_version_is_broken(
    exported: Path, root: Path
) -> None:
    (root / "7").mkdir(parents=True)
    assert publish(exported, root, draft()) == 8


def test_other_entries_are_no_versions(root: Path) -> None:
    for name in (".incoming-1", "latest", "-1", "1.5", "3"):
        (root / name).mkdir(parents=True)
    (root / "4").write_text("a file")
    assert list_versions(root) == [3]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda d: (d / "variables" / "data").write_bytes(b"weighty"), "SHA-256"),
        (lambda d: (d / "variables" / "data").write_bytes(b"cut"), "has 3 bytes, not 7"),
        (lambda d: (d / "saved_model.pb").unlink(), "saved_model.pb cannot be read"),
        (lambda d: (d / "manifest.json").unlink(), "no manifest.json"),
        (lambda d: (d / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda d: (d / "manifest.json").write_text("[]"), "manifest.json is damaged"),
    ],
)
def test_damage_is_told(exported: Path, root: Path, damage: object, why: str) -> None:
    publish(exported, root, draft())
    damage(root / "1")  # type: ignore[operator]
    with pytest.raises(ArtifactError, match=why):
        verify(root / "1")


def test_a_model_of_an_impossible_spec_is_not_published(exported: Path, root: Path) -> None:
    with pytest.raises(ArtifactError, match="a spec has the fields"):
        publish(exported, root, draft().model_copy(update={"spec": {"charset": "0"}}))
    assert list_versions(root) == []


def test_a_manifest_whose_spec_was_made_impossible_is_refused(exported: Path, root: Path) -> None:
    publish(exported, root, draft())
    path = root / "1" / "manifest.json"
    path.write_text(path.read_text().replace('"length": 4', '"length": 0'))
    with pytest.raises(ArtifactError, match="length must be"):
        read_manifest(root / "1")


def test_what_an_abandoned_publish_left_is_cleared(exported: Path, root: Path) -> None:
    (root / ".incoming-dead").mkdir(parents=True)
    publish(exported, root, draft())
    assert sorted(p.name for p in root.iterdir()) == [".lock", "1"]


def test_a_publish_that_fails_leaves_nothing_and_a_version_can_be_read_by_others(
    exported: Path, root: Path
) -> None:
    exported.chmod(0o700)
    (exported / "saved_model.pb").rename(exported / "other.pb")
    with pytest.raises(ArtifactError, match=r"names no saved_model\.pb"):
        publish(exported, root, draft())
    assert [path.name for path in root.iterdir()] == [".lock"]
    (exported / "other.pb").rename(exported / "saved_model.pb")
    publish(exported, root, draft())
    assert (root / "1").stat().st_mode & 0o777 == 0o755


def publish_for_ever(exported: Path, root: Path) -> None:
    while True:
        publish(exported, root, draft())


def test_a_version_that_is_there_is_not_called_a_failure(
    exported: Path, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), root.stat()):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    assert publish(exported, root, draft()) == 1
    verify(root / "1")
    assert "version 1 may not outlast a power cut: [Errno 5] Input/output error" in caplog.text


def test_killed_at_any_moment_it_leaves_only_whole_versions(exported: Path, root: Path) -> None:
    (exported / "variables" / "large").write_bytes(os.urandom(2_000_000))
    context = multiprocessing.get_context("spawn")
    for delay_s in (0.01, 0.05, 0.013, 0.037, 0.021):
        process = context.Process(target=publish_for_ever, args=(exported, root))
        process.start()
        before = len(list_versions(root))
        while len(list_versions(root)) == before:
            time.sleep(0.005)
        time.sleep(delay_s)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    versions = list_versions(root)
    assert len(versions) >= 5
    for version in versions:
        verify(root / str(version))
