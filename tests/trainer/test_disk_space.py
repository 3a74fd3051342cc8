"""The check of the free disk space."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from trainer.disk_space import require_disk_space
from trainer.errors import DiskSpaceError


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def _one_gigabyte_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = {tmp_path: Usage(2_000_000_000, 1_000_000_000, 1_000_000_000)}
    monkeypatch.setattr(shutil, "disk_usage", usage.__getitem__)


@pytest.mark.usefixtures("_one_gigabyte_free")
def test_a_training_that_just_fits_is_accepted(tmp_path: Path) -> None:
    require_disk_space(tmp_path, 1_000_000_000)


@pytest.mark.usefixtures("_one_gigabyte_free")
def test_one_byte_too_few_is_an_error_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(DiskSpaceError) as caught:
        require_disk_space(tmp_path, 1_000_000_001)
    assert str(caught.value) == (f"{tmp_path} has 1,000 MB free, and this training needs 1,000 MB")
    with pytest.raises(DiskSpaceError, match=r"needs 12,346 MB$"):
        require_disk_space(tmp_path, 12_345_600_000)


def test_the_disk_of_the_directory_is_asked(tmp_path: Path) -> None:
    require_disk_space(tmp_path, 0)
    with pytest.raises(DiskSpaceError):
        require_disk_space(tmp_path, 10**18)
