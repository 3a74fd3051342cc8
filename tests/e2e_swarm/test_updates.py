"""Scaling, updates and rollbacks while requests arrive."""

from __future__ import annotations

import pytest

from tests.e2e.under_load import under_load
from tests.e2e_swarm.cluster import SAME_TEXTS, STACK, Cluster
from tests.e2e_swarm.images import INFERENCE
from tests.load import Load, Shot
from tests.serving import eventually

RATE = 40.0


@pytest.fixture
def load(trained: Cluster, shots: list[Shot]) -> Load:
    trained.wait_until_up(3)
    return Load(trained.url(trained.manager), shots, SAME_TEXTS)


def list_images(cluster: Cluster) -> set[str]:
    return {task.image for task in cluster.tasks("inference")}


def update(cluster: Cluster, tag: str) -> None:
    """Start an update to an image, and return before it ends."""
    options = ("--detach", "--no-resolve-image", f"--image={INFERENCE}:{tag}")
    cluster.service("update", *options, f"{STACK}_inference")


def update_state(cluster: Cluster) -> str:
    return str(cluster.inspect_service("inference").get("UpdateStatus", {}).get("State"))


def test_no_request_fails_while_scaling_to_six_replicas_and_back(
    trained: Cluster, load: Load
) -> None:
    with under_load(load, rate=RATE):
        for replicas in (2, 6, 2, 3):
            trained.scale(replicas)
            assert len(trained.tasks("inference")) == replicas


def test_no_request_fails_during_a_rolling_update_to_a_new_image(
    trained: Cluster, load: Load
) -> None:
    cluster = trained
    with under_load(load, rate=RATE):
        update(cluster, "next")
        eventually(lambda: update_state(cluster) == "completed", 240, "the update is complete")
        cluster.wait_until_up(3)
    assert list_images(cluster) == {f"{INFERENCE}:next"}
    labels = [
        task.node.inspect(task.container)["Config"]["Labels"] for task in cluster.tasks("inference")
    ]
    assert [label["release"] for label in labels] == ["next"] * 3


def test_a_broken_image_is_rolled_back_and_no_request_fails(trained: Cluster, load: Load) -> None:
    cluster = trained
    before = list_images(cluster)
    running = {task.container for task in cluster.tasks("inference")}
    with under_load(load, rate=RATE):
        update(cluster, "broken")
        eventually(
            lambda: update_state(cluster) == "rollback_completed", 240, "the update is undone"
        )
        cluster.wait_until_up(3)
    assert list_images(cluster) == before
    # At most one of the replicas was replaced.
    assert len(running & {task.container for task in cluster.tasks("inference")}) >= 2
