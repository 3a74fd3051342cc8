from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference_service.models.version_scan import VersionScanner
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.versions import (
    bundle_fake,
    copy_version,
    edit_manifest,
    link_manifest_to_itself,
    publish_fake,
    remove_manifest,
)

SPEC = CaptchaSpec()
OTHER = CaptchaSpec("ABC", length=5)


def test_versions_are_found_from_the_highest_to_the_bundled_model(
    versions: Path, tmp_path: Path
) -> None:
    publish_fake(versions, OTHER)
    copy_version(versions, 10)
    scanner = VersionScanner(versions, bundle_fake(tmp_path, OTHER))
    found = scanner.scan(OTHER)
    assert [(f.version, f.source) for f in found] == [
        (10, "volume"),
        (2, "volume"),
        (1, "volume"),
        (0, "bundled"),
    ]
    assert [f.restriction for f in found] == [
        None,
        Restriction.from_spec(OTHER),
        None,
        Restriction.from_spec(OTHER),
    ]
    assert found[0].mismatch == "it was trained for other captchas than the generator renders"
    assert found[1].mismatch == ""


def test_a_manifest_is_parsed_again_only_if_it_was_changed(versions: Path) -> None:
    scanner = VersionScanner(versions, None)
    first = scanner.scan(SPEC)[0].manifest
    assert first is not None
    assert scanner.scan(OTHER)[0].manifest is first
    edit_manifest(versions / "1", created="2026-02-02T00:00:00+00:00")
    changed = scanner.scan(SPEC)[0].manifest
    assert changed is not None
    assert changed.created == "2026-02-02T00:00:00+00:00"


def test_a_version_without_a_manifest_has_neither_a_restriction_nor_a_mismatch(
    versions: Path,
) -> None:
    scanner = VersionScanner(versions, None)
    scanner.scan(SPEC)
    remove_manifest(versions / "1")
    (found,) = scanner.scan(SPEC)
    assert (found.manifest, found.restriction, found.mismatch) == (None, None, "")
    assert found.problem == "manifest.json is missing"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda directory: edit_manifest(directory, metrics=5), "is invalid: metrics: "),
        (link_manifest_to_itself, "manifest.json is not a regular file"),
    ],
)
def test_a_version_with_an_invalid_manifest_has_the_reason(
    versions: Path, damage: Callable[[Path], None], problem: str
) -> None:
    damage(versions / "1")
    (found,) = VersionScanner(versions, None).scan(SPEC)
    assert found.manifest is None
    assert problem in found.problem


def test_a_directory_that_cannot_be_read_is_logged_once_until_that_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    directory = tmp_path / "captcha"
    scanner = VersionScanner(directory, bundle_fake(tmp_path, SPEC))

    def scan_twice() -> list[str]:
        caplog.clear()
        for _ in range(2):
            assert [found.version for found in scanner.scan(SPEC)] == [0]
        return caplog.messages

    assert (scan_twice(), scanner.problem) == ([], "")
    directory.write_text("not a directory")
    reason = "the models directory cannot be read: Not a directory"
    assert (scan_twice(), scanner.problem) == ([f"{reason} ({directory})"], reason)
    directory.unlink()
    directory.symlink_to(directory)
    (message,) = scan_twice()
    assert "cannot be read: Too many levels of symbolic links" in message
    directory.unlink()
    assert scan_twice() == [f"the models directory can be read again ({directory})"]
    assert (scan_twice(), scanner.problem) == ([], "")


@pytest.mark.parametrize("generator", [SPEC, None])
def test_without_directories_there_are_no_versions(
    tmp_path: Path, generator: CaptchaSpec | None
) -> None:
    assert VersionScanner(tmp_path / "missing", None).scan(generator) == []
