"""One stack on three nodes for all tests of this folder; `trained` is after the first training."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.versions.object_store import ObjectStore
from shared.versions.version_mirror import VersionMirror
from tests.e2e.captchas import fetch_captchas, predict
from tests.e2e.stack import ROOT
from tests.e2e.under_load import shots_of
from tests.e2e_swarm.cluster import REGISTRY, STACK, TAG, Cluster
from tests.e2e_swarm.images import build_images
from tests.e2e_swarm.nodes import find_swarm_problem, start_nodes, stop_nodes
from tests.load import Shot
from tests.object_stores import CREDENTIALS, running_s3
from tests.serving import eventually
from trainer.publishing.upload import Uploader

# Starts from the bundled model: predictions are right before and after version 1 is active.
SMALL_PRESET = """
captchas = 2_000
styles = ["current"]
validation_captchas = 200
test_captchas = 200
epochs = 1
publish_worse = true
"""
# Adds the preset of a short training, as docs/cluster.md describes.
TEST_STACK = """
services:
  trainer:
    configs: [{source: small, target: /presets/small.toml}]
configs:
  small: {file: small.toml}
"""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run an object store on the machine and yield the variables of deploy/store.env."""
    if problem := find_swarm_problem():
        if os.environ.get("CI") and "script" not in problem:
            pytest.fail(f"CI needs a Swarm: {problem}")
        pytest.skip(f"needs a Swarm: {problem}")
    # Joining and leaving a Swarm interrupts the name resolution of other containers.
    running = subprocess.run(
        ["docker", "ps", "-q", "--filter", "name=captcha-e2e"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if running.stdout.strip():
        problem = "containers of `make e2e` are running on the same engine"
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    started = time.monotonic()
    images = build_images()
    # The trainer runs on the manager only.
    nodes = start_nodes("haproxy:3.0", *(name for name in images if "trainer" not in name))
    print(f"images and nodes took {time.monotonic() - started:.0f} s")
    try:
        with running_s3(tmp_path_factory.mktemp("s3"), nodes[0].address) as address:
            place = {"MODELS_URL": "s3://bucket/models", "AWS_ENDPOINT_URL": address}
            yield {**CREDENTIALS, **place}
    finally:
        stop_nodes()


@pytest.fixture(scope="session")
def cluster(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Deploy the stack on three nodes and wait until every program runs."""
    directory = tmp_path_factory.mktemp("cluster")
    stack = directory / "deploy/swarm"
    for name in ("swarm", "gateway"):
        shutil.copytree(ROOT / "deploy" / name, directory / "deploy" / name)
    lines = [f"{name}={value}\n" for name, value in (store | {"SYNC_POLL_S": "1"}).items()]
    (directory / "deploy/store.env").write_text("".join(lines))
    (stack / "test.yml").write_text(TEST_STACK)
    (stack / "small.toml").write_text(SMALL_PRESET)
    settings = {"REGISTRY": REGISTRY, "TAG": TAG, "TRAIN_PRESET": "/presets/small.toml"}
    cluster = Cluster(start_nodes(), directory, settings)
    # An earlier run that was killed may have left some.
    cluster.remove()
    try:
        cluster.deploy()
        cluster.wait_until_up(3)
        yield cluster
    finally:
        print(cluster.service("ls"), cluster.manager.docker("stack", "ps", "--no-trunc", STACK))
        cluster.remove()


@pytest.fixture(scope="session")
def trained(cluster: Cluster) -> Cluster:
    """Wait until the training of the deployment has published version 1 to all replicas."""
    try:
        eventually(lambda: cluster.versions() == [1, 1, 1], 240, "version 1 is active everywhere")
    except AssertionError:
        print(cluster.service("logs", "--raw", f"{STACK}_trainer", check=False))
        raise
    return cluster


@pytest.fixture(scope="session")
def shots(trained: Cluster) -> list[Shot]:
    """Return 100 requests with the predictions of version 1."""
    with trained.client() as client:
        images = [png for _, png in fetch_captchas(client, 100)]
        return shots_of([(predict(client, png).json()["prediction"], png) for png in images])


@pytest.fixture(scope="session")
def publish_copy(
    trained: Cluster, store: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], int]:
    """Return a function that uploads version 1 again, as a further one, and returns its number."""
    volume = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in store.items():
            environment.setenv(name, value)
        objects = ObjectStore(store["MODELS_URL"])
    assert not VersionMirror(objects, volume).run_once()
    source: Path = volume / "captcha/1"
    return lambda: Uploader(objects, volume).upload(source, 2)


@pytest.fixture
def three_replicas(trained: Cluster) -> Cluster:
    """Spread three replicas over three nodes that are ready."""
    for node in trained.nodes:
        trained.wait_for_state(node, "ready")
        trained.manager.docker("node", "update", "--availability=active", node.id)
    if {task.node for task in trained.tasks("inference")} != set(trained.nodes):
        trained.spread()
    trained.wait_until_up(3)
    return trained
