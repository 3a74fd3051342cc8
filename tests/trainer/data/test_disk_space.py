from __future__ import annotations

import dataclasses
import shutil
from collections import namedtuple
from pathlib import Path

import httpx
import pytest

from tests.conftest import SPEC, TINY
from trainer import resources
from trainer.client import GeneratorClient, Source
from trainer.config import NETWORKS
from trainer.resources import SpaceError, require_disk, require_memory
from trainer.shares import list_shares

SOURCE = Source(SPEC, {}, "libraries")
LARGE = dataclasses.replace(TINY, captchas=60_000, look_alikes="17", look_alike_captchas=40_000)
usage = namedtuple("usage", "total used free")


def test_a_disk_too_full_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = GeneratorClient(httpx.Client(), tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2e9, 1e9, 1e9))
    with pytest.raises(SpaceError, match=r"has 1,000 MB free, and this training needs 1,1\d\d MB"):
        require_disk(LARGE, list(list_shares(LARGE, SOURCE)), client, tmp_path)
    fewer = dataclasses.replace(LARGE, look_alike_captchas=10_000)
    require_disk(fewer, list(list_shares(fewer, SOURCE)), client, tmp_path)


def test_what_is_on_the_disk_already_needs_no_space(
    tmp_path: Path, generator: httpx.Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = GeneratorClient(generator, tmp_path)
    shares = list(list_shares(TINY, source))
    for share in shares:
        seed = TINY.split_seeds[share.split]
        assert list(client.fetch(share.source, seed, share.count, share.start))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2e9, 1e9, 200_000_000))
    require_disk(TINY, shares, client, tmp_path)


@pytest.mark.parametrize(
    ("limit", "fits"), [("1950000000", False), ("2000000000", True), ("max", True), (None, True)]
)
def test_too_little_memory_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, fits: bool
) -> None:
    memory, cgroup = tmp_path / "meminfo", tmp_path / "memory.max"
    memory.write_text("MemTotal:  9000000 kB\nMemAvailable:  1500000 kB\nSwapFree:  500000 kB\n")
    if limit:
        cgroup.write_text(limit + "\n")
    monkeypatch.setattr(resources, "_MEMORY", memory)
    monkeypatch.setattr(resources, "_CGROUP_LIMIT", cgroup)
    shares = list(list_shares(LARGE, SOURCE))  # 100,201 captchas, 0.96 GB
    if fits:
        require_memory(shares, 0, SPEC, "compact")
    else:
        with pytest.raises(SpaceError, match=r"1,950 MB of memory are free, .* needs 1,96\d MB"):
            require_memory(shares, 0, SPEC, "compact")
    # Its own 20,000 are too many for what the machine has, whatever the container may take.
    with pytest.raises(SpaceError, match="at least, for 120,201 captchas"):
        require_memory(shares, 20_000, SPEC, "compact")


def test_the_memory_of_every_network_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemAvailable:  1900000 kB\nSwapFree:  0 kB\n")
    monkeypatch.setattr(resources, "_MEMORY", memory)
    for network in set(NETWORKS) - {"wide"}:
        require_memory([], 0, SPEC, network)
    with pytest.raises(SpaceError, match="needs 3,000 MB at least"):
        require_memory([], 0, SPEC, "wide")


def test_where_nothing_tells_the_memory_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_MEMORY", tmp_path / "none")
    require_memory(list(list_shares(LARGE, SOURCE)), 10**9, SPEC, "compact")
