from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.captchas.dataset_archive import Dataset
from shared.captchas.labels import decode
from shared.captchas.spec import CaptchaSpec
from tests.trainer.audit.attack.measurements import build_measurement
from tests.trainer.audit.fake_generator import FakeGenerator
from trainer.audit.attack.measurement import MeasurementStore
from trainer.audit.audit import Audit
from trainer.audit.options import AuditOptions
from trainer.audit.subject import find_subject
from trainer.audit.summary import build_results
from trainer.data.dataset_requests import DatasetRequest
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.usefixtures("no_settings")
RUNNING = CaptchaSpec(width=20, height=16)


def build(tmp_path: Path, client: FakeGenerator) -> Audit:
    settings = TrainerSettings(data_dir=tmp_path, generator_timeout_s=0)
    options = AuditOptions(mode="quick")
    subject = find_subject(options, client, settings)
    return Audit(options, subject, tmp_path, io.StringIO())


def store_all(audit: Audit) -> MeasurementStore:
    """Store measurements in which more labels are better and doubled protections help."""
    store = MeasurementStore(audit.data_dir / "audits" / audit.fingerprint)
    test = audit.subject.captchas.test
    texts = decode(test.labels, test.spec)
    for task in audit.tasks:
        correct = min(task.labels, 500)
        if task.protection and task.labels:
            correct += 100 if task.protection.change == "off" else -100
        predictions = [*texts[:correct], *([""] * (len(texts) - correct))]
        store.save(
            task.name,
            build_measurement(
                texts, predictions, init=task.init, labels=task.labels, steps=task.steps
            ),
        )
    return store


def test_a_finished_audit_measures_nothing_again(tmp_path: Path) -> None:
    audit = build(tmp_path, FakeGenerator(RUNNING))
    store_all(audit)

    measurements = audit.measure()

    assert set(measurements) == {task.name for task in audit.tasks}
    assert audit.resumed_s == 20 * len(audit.tasks)


class PlainGenerator(FakeGenerator):
    """Renders a single image if there are no dots."""

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        plain = request.source.spec.effects.noise_dots == 0
        yield from FakeGenerator(RUNNING, 1 if plain else 2**31).fetch(request)


def test_a_protection_with_too_few_different_images_is_left_out_with_a_warning(
    tmp_path: Path,
) -> None:
    audit = build(tmp_path, PlainGenerator(RUNNING))
    store = store_all(audit)
    without_dots = [
        task
        for task in audit.tasks
        if task.protection
        and (task.protection.name, task.protection.change) == ("noise_dots", "off")
    ]
    for task in without_dots:
        store._path(task.name).unlink()

    results = build_results(audit, audit.measure(), {}, "audit", 1.0)

    measured = {(effect.protection, effect.change) for effect in results.protections}
    assert ("noise_dots", "doubled") in measured
    assert ("noise_dots", "off") not in measured
    (warning,) = [warning for warning in results.warnings if "noise_dots off" in warning]
    assert "too few different images" in warning


@pytest.mark.slow
def test_a_stopped_audit_measures_only_what_is_missing(tmp_path: Path) -> None:
    client = FakeGenerator(RUNNING)
    audit = build(tmp_path, client)
    store_all(audit)
    directory = tmp_path / "audits" / audit.fingerprint
    (directory / "warp-off-bundled-0.json").unlink()
    before = {path: path.read_bytes() for path in directory.iterdir()}
    requests = len(client.requests)

    measurements = audit.measure()

    assert set(measurements) == {task.name for task in audit.tasks}
    assert (directory / "warp-off-bundled-0.json").exists()
    assert all(path.read_bytes() == content for path, content in before.items())
    assert {request.source.spec.effects.warp for request in client.requests[requests:]} == {0}
    assert measurements["warp-off-bundled-0"].accuracy.accuracy < 0.01, "noise shows no text"


def test_protections_are_ranked_by_what_they_cost_the_attacker(tmp_path: Path) -> None:
    audit = build(tmp_path, FakeGenerator(RUNNING))
    store_all(audit)

    results = build_results(audit, audit.measure(), {}, "command", seconds=1)

    costs = [effect.cost_points for effect in results.protections]
    assert costs == sorted(costs, reverse=True)
    assert {(e.change, e.cost_points) for e in results.protections} == {
        ("off", -10.0),
        ("doubled", 10.0),
    }
    assert results.protections[0].value is not None


def test_the_cost_is_that_of_the_most_accurate_attacker_with_the_fewest_labels(
    tmp_path: Path,
) -> None:
    audit = build(tmp_path, FakeGenerator(RUNNING))
    store_all(audit)

    cost = build_results(audit, audit.measure(), {}, "command", seconds=1).cost

    assert (cost.labels, cost.init, cost.train_cpu_minutes) == (1_000, "bundled", 0.5)
    # 2 ms per attempt.
    assert (cost.attempts_per_hour, cost.successes_per_hour) == (1_800_000, 900_000)


@pytest.mark.parametrize(("charset", "trained"), [("0123", True), ("012-", False)])
def test_unknown_characters_are_not_learned_without_labels(
    tmp_path: Path, charset: str, trained: bool
) -> None:
    spec = CaptchaSpec(charset, width=20, height=16)
    settings = TrainerSettings(data_dir=tmp_path, generator_timeout_s=0)
    options = AuditOptions(mode="default")
    subject = find_subject(options, FakeGenerator(spec), settings)
    audit = Audit(options, subject, tmp_path, io.StringIO())
    assert any(task.unlabelled for task in audit.tasks) == trained
