from __future__ import annotations

import itertools

import pytest

from tests.conftest import SPEC
from trainer.audit.plan import (
    LABELS,
    Mode,
    Protection,
    Task,
    count_steps,
    list_curve,
    list_protections,
)

MODES: tuple[Mode, ...] = ("quick", "default", "thorough")
# CPU seconds on two cores: a default audit used 1.45 of them on average, 856 s in 590 s.
BUDGET_S = {"quick": 180 * 1.3, "default": 660 * 1.4}


def list_all(mode: Mode, protections: int = 16) -> list[Task]:
    changed = [Protection(f"effect_{i}", "off", SPEC) for i in range(protections)]
    return [*list_curve(mode, 2_000), *list_protections(mode, changed)]


def list_labels(mode: Mode, available: int) -> list[int]:
    """Return the numbers of labels from the bundled model, without the self-trained attacker."""
    tasks = list_curve(mode, 100, available)
    return [task.labels for task in tasks if task.init == "bundled" and not task.unlabelled]


@pytest.mark.parametrize("mode", ["quick", "default"])
def test_an_audit_fits_its_time(mode: Mode) -> None:
    assert sum(task.cost_s for task in list_all(mode)) < BUDGET_S[mode]


@pytest.mark.parametrize("mode", MODES)
def test_every_measurement_has_its_own_name(mode: Mode) -> None:
    names = [task.name for task in list_all(mode)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("mode", MODES)
def test_what_helps_is_compared_with_an_attacker_of_the_curve(mode: Mode) -> None:
    curve = {(task.init, task.labels, task.steps) for task in list_curve(mode, 2_000)}

    for task in list_protections(mode, [Protection("warp", "off", SPEC)]):
        assert (task.init, task.labels, task.steps) in curve


@pytest.mark.parametrize("mode", MODES)
def test_more_labels_are_never_trained_for_fewer_steps(mode: Mode) -> None:
    for init, labels in LABELS[mode].items():
        steps = [count_steps(init, number, mode) for number in labels]
        assert all(a <= b for a, b in itertools.pairwise(steps))


def test_without_labels_nothing_is_trained() -> None:
    assert count_steps("bundled", 0, "default") == 0


def test_the_last_point_uses_every_image_of_a_folder() -> None:
    labels = list_labels("default", 800)

    assert labels == [0, 100, 250, 500, 800]


def test_two_points_of_a_folder_are_not_nearly_the_same() -> None:
    labels = list_labels("default", 520)

    assert labels == [0, 100, 250, 520]


def test_a_large_folder_is_used_as_far_as_the_mode_goes() -> None:
    labels = list_labels("quick", 9_000)

    assert labels == [0, 100, 250, 1_000]


@pytest.mark.parametrize(("available", "unlabelled"), [(None, 1_000), (5_000, 1_000), (640, 640)])
def test_an_attacker_trains_itself_on_images_without_labels(
    available: int | None, unlabelled: int
) -> None:
    (task,) = (task for task in list_curve("default", 100, available) if task.unlabelled)

    assert (task.init, task.labels, task.unlabelled) == ("bundled", 0, unlabelled)
    assert str(task) == f"no labels, self-trained on {unlabelled:,} images"


def test_a_quick_audit_has_no_self_trained_attacker() -> None:
    assert not any(task.unlabelled for task in list_curve("quick", 100))
