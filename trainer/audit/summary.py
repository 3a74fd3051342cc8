"""The results of an audit, from its measurements."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version

from trainer.audit import mistakes
from trainer.audit.attack.measurement import Measurement
from trainer.audit.audit import Audit
from trainer.audit.plan import NETWORKS, Protection, Task
from trainer.audit.results import (
    AttackCost,
    AuditResults,
    CurvePoint,
    Legibility,
    ProtectionEffect,
    Verdict,
)
from trainer.audit.subject import get_value
from trainer.audit.thresholds import find_images_needed

_MS_PER_HOUR = 3_600_000
# An attacker that never predicts anything takes no measurable time.
_MIN_MS_PER_ATTEMPT = 0.001
_LIBRARIES = ("keras", "numpy", "pillow")


def build_results(
    audit: Audit,
    measurements: Mapping[str, Measurement],
    legibility: Mapping[Protection | None, Legibility],
    command: str,
    seconds: float,
) -> AuditResults:
    """Return the results without a verdict.

    Args:
        audit: the audit.
        measurements: all of them, by the name of their task.
        legibility: estimates for the setting (None) and for the changed protections.
        command: as it was called.
        seconds: wall time of the measurements and of this run.
    """
    subject, options = audit.subject, audit.options
    curve_tasks = [task for task in audit.tasks if task.protection is None]
    curve = tuple(_build_point(measurements[task.name]) for task in curve_tasks)
    best = find_best([measurements[task.name] for task in curve_tasks])
    hardest, easiest = mistakes.find_hardest(best), mistakes.find_easiest(best)
    samples = mistakes.draw_samples(best, options.seed)
    images = subject.captchas.test.images
    limit = options.fail_above
    return AuditResults(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        mode=options.mode,
        seed=options.seed,
        seconds=round(seconds, 1),
        setting=subject.setting,
        network=NETWORKS[best.init],
        parameters=best.parameters,
        test_captchas=len(subject.captchas.test),
        curve=curve,
        images_needed=find_images_needed(curve),
        cost=build_cost(best),
        characters=mistakes.measure_characters(best, subject.spec.charset),
        positions=mistakes.measure_positions(best),
        pairs=mistakes.find_confused_pairs(best),
        hardest=mistakes.build_gallery(hardest, images[hardest], best),
        easiest=mistakes.build_gallery(easiest, images[easiest], best),
        samples=mistakes.build_gallery(samples, images[samples], best),
        legibility=legibility.get(None),
        protections=build_protections(audit, measurements, legibility),
        warnings=tuple(audit.warnings),
        verdict=Verdict(level="weak", summary="", paragraph=""),
        fail_above=str(limit) if limit else None,
        is_above_limit=limit.is_exceeded(curve) if limit else None,
        versions=_list_versions(),
    )


def find_best(measurements: Sequence[Measurement]) -> Measurement:
    """Return the most accurate attacker.

    Among equally accurate ones it is the one with more correct characters, then the one with fewer
    labels. So correct characters decide if all attackers have an exact-match accuracy of 0.
    """
    return max(measurements, key=lambda m: (m.is_correct.sum(), m.correct_characters, -m.labels))


def build_cost(best: Measurement) -> AttackCost:
    """Return what an attack costs with an attacker on one core."""
    attempts = _MS_PER_HOUR / max(best.ms_per_attempt, _MIN_MS_PER_ATTEMPT)
    return AttackCost(
        labels=best.labels,
        unlabelled=best.unlabelled,
        init=best.init,
        train_cpu_minutes=round(best.train_cpu_s / 60, 3),
        ms_per_attempt=best.ms_per_attempt,
        attempts_per_hour=_round(attempts),
        successes_per_hour=_round(attempts * best.accuracy.accuracy),
    )


def _round(number: float) -> float:
    """Return three significant digits: times vary by more than that."""
    return float(f"{number:.3g}")


def build_protections(
    audit: Audit,
    measurements: Mapping[str, Measurement],
    legibility: Mapping[Protection | None, Legibility],
) -> tuple[ProtectionEffect, ...]:
    """Return what each change costs the attacker, the most expensive first."""
    effects = []
    by_protection: dict[Protection, list[Measurement]] = {}
    for task in audit.tasks:
        if task.protection and task.name in measurements:
            by_protection.setdefault(task.protection, []).append(measurements[task.name])
    for protection, (without, trained) in by_protection.items():
        unchanged = measurements[Task("bundled", trained.labels, 0, 0).name]
        cost = unchanged.accuracy.accuracy - trained.accuracy.accuracy
        effects.append(
            ProtectionEffect(
                protection=protection.name,
                change=protection.change,
                value=get_value(protection),
                without_labels=without.accuracy,
                with_labels=trained.accuracy,
                labels=trained.labels,
                cost_points=round(100 * cost, 2),
                legibility=legibility.get(protection),
            )
        )
    return tuple(sorted(effects, key=lambda effect: -effect.cost_points))


def _build_point(measurement: Measurement) -> CurvePoint:
    return CurvePoint(
        labels=measurement.labels,
        unlabelled=measurement.unlabelled,
        init=measurement.init,
        accuracy=measurement.accuracy,
        steps=measurement.steps,
        train_cpu_s=measurement.train_cpu_s,
    )


def _list_versions() -> dict[str, str]:
    # The distribution of TensorFlow has other names with and without CUDA.
    tensorflow = packages_distributions()["tensorflow"][0]
    versions = {name: version(name) for name in _LIBRARIES}
    return versions | {"tensorflow": version(tensorflow), "python": platform.python_version()}
