"""An audit: all measurements, resumed where they stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from shared.fingerprint import fingerprint
from shared.versions.artifacts import verify
from shared.versions.bundled_model import BUNDLED_DIR
from trainer.audit.attack.measurement import Measurement, MeasurementStore
from trainer.audit.captchas.audit_captchas import AuditCaptchas
from trainer.audit.captchas.coverage import describe_unknown
from trainer.audit.captchas.renderer import AuditRenderer
from trainer.audit.options import AuditOptions
from trainer.audit.plan import Protection, Task, list_curve, list_protections
from trainer.audit.progress import AuditProgress
from trainer.audit.results import Legibility
from trainer.audit.subject import Subject
from trainer.errors import AuditError

log = logging.getLogger(__name__)

_FORMAT = 1
"""Changes when measurements of an earlier release cannot be used any more."""


@dataclass
class Audit:
    """The measurements of one subject."""

    options: AuditOptions
    subject: Subject
    data_dir: Path
    stream: TextIO
    tasks: list[Task] = field(init=False)
    resumed_s: float = field(init=False, default=0.0)
    """Wall time of the measurements that an earlier run has done."""
    warnings: list[str] = field(init=False)
    """Those of the subject, and what could not be measured."""

    def __post_init__(self) -> None:
        """List the measurements."""
        mode, subject = self.options.mode, self.subject
        self.warnings = [*subject.warnings]
        captchas = subject.captchas
        is_folder = subject.setting.image_folder is not None
        curve = list_curve(mode, len(captchas.test), len(captchas.train) if is_folder else None)
        if describe_unknown(subject.spec):
            # Without labels it cannot learn characters and lengths that it has never had.
            curve = (task for task in curve if not task.unlabelled)
        self.tasks = [*curve, *list_protections(mode, list(subject.protections))]

    @property
    def fingerprint(self) -> str:
        """Equal for audits with equal measurements."""
        return fingerprint(
            {
                "format": _FORMAT,
                "spec": self.subject.spec.to_dict(),
                "captchas": self.subject.fingerprint,
                "seed": self.options.seed,
                "mode": self.options.mode,
                "tasks": [task.recipe for task in self.tasks],
                "bundled": verify(BUNDLED_DIR).training_fingerprint,
            }
        )

    def measure(self) -> dict[str, Measurement]:
        """Return the measurements by the name of their task; finished ones are not repeated.

        Those of a protection are missing if its captchas have too few different images.
        """
        directory = self.data_dir / "audits" / self.fingerprint
        store = MeasurementStore(directory)
        found = {task.name: store.load(task.name) for task in self.tasks}
        measurements = {name: done for name, done in found.items() if done}
        missing = [task for task in self.tasks if task.name not in measurements]
        self.resumed_s = sum(done.seconds for done in measurements.values())
        if measurements:
            log.info("%d of %d measurements are done", len(measurements), len(self.tasks))
        if missing:
            self._measure_missing(missing, store, measurements)
        return measurements

    def _measure_missing(
        self, missing: list[Task], store: MeasurementStore, measurements: dict[str, Measurement]
    ) -> None:
        # TensorFlow takes 5 s to import. An audit that was done before ends without it.
        from trainer.audit.attack.measurer import Measurer  # noqa: PLC0415

        progress = AuditProgress(self.stream, sum(task.cost_s for task in missing))
        measurer = Measurer(self.subject.spec, self.options.seed)
        done_s = 0.0
        for task, captchas in self._list_captchas(missing):
            base_s = done_s

            def report(steps: int, base_s: float = base_s, task: Task = task) -> None:
                progress.update(base_s + task.step_s * steps, str(task))

            report(0)
            measurement = measurer.measure(task, captchas, report)
            store.save(task.name, measurement)
            measurements[task.name] = measurement
            done_s += task.cost_s
        progress.update(done_s, "done")

    def _list_captchas(self, tasks: list[Task]) -> Iterator[tuple[Task, AuditCaptchas]]:
        """Yield each task with its captchas; those of a protection are fetched once."""
        renderer = self.subject.renderer
        current: Protection | None = None
        captchas: AuditCaptchas | None = self.subject.captchas
        for task in tasks:
            if renderer and task.protection and task.protection != current:
                current = task.protection
                captchas = self._fetch(renderer, current)
            if captchas:
                yield task, captchas

    def _fetch(self, renderer: AuditRenderer, protection: Protection) -> AuditCaptchas | None:
        """Return the captchas of a changed protection; None if it has too few different ones."""
        most = max(task.labels for task in self.tasks if task.protection == protection)
        try:
            return renderer.fetch(protection.spec, most)
        except AuditError as error:
            self.warnings.append(f"{protection.name} {protection.change} was not measured: {error}")
            log.warning("%s", self.warnings[-1])
            return None

    def estimate_legibility(self) -> dict[Protection | None, Legibility]:
        """Return the estimates for the setting (None) and for each changed protection."""
        if not self.subject.renderer:
            return {}
        specs = {None: self.subject.spec} | {p: p.spec for p in self.subject.protections}
        estimates = {
            protection: self.subject.renderer.estimate_legibility(spec)
            for protection, spec in specs.items()
        }
        return {protection: estimate for protection, estimate in estimates.items() if estimate}
