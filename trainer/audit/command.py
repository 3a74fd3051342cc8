"""The command `python -m trainer audit`."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from collections.abc import Callable, Sequence

from shared.captchas.spec import SpecError
from shared.versions.artifacts import ArtifactError
from shared.versions.version_index import AUDITS_DIR
from trainer.audit.audit import Audit
from trainer.audit.options import AuditOptions
from trainer.audit.publication import publish_report
from trainer.audit.report.verdict import decide_verdict
from trainer.audit.subject import find_subject
from trainer.audit.summary import build_results
from trainer.data.generator_client import GeneratorClient
from trainer.errors import TrainerError
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

ABOVE_LIMIT, NO_REPORT = 1, 2
"""Exit statuses."""


def parse_audit(arguments: Sequence[str]) -> Callable[[TrainerSettings, GeneratorClient], int]:
    """Return the work that the arguments describe.

    Raises:
        SettingsError: on an invalid option.
    """
    options = AuditOptions.parse(arguments)
    command = shlex.join(["python", "-m", "trainer", "audit", *arguments])

    def audit(settings: TrainerSettings, client: GeneratorClient) -> int:
        try:
            return run_audit(options, command, settings, client)
        except (SpecError, TrainerError, ArtifactError, OSError) as error:
            log.error("%s; no report was written", error)
        except Exception:
            # With a traceback Python would end with status 1: the accuracy is above the limit.
            log.exception("the audit failed; no report was written")
        return NO_REPORT

    return audit


def run_audit(
    options: AuditOptions, command: str, settings: TrainerSettings, client: GeneratorClient
) -> int:
    """Audit, write the report and return the exit status.

    Raises:
        SpecError: if the options do not make a valid spec.
        TrainerError: if the captchas cannot be fetched, read or audited.
        ArtifactError: if the bundled model is damaged.
        OSError: if a file cannot be read or written.
    """
    began = time.monotonic()
    subject = find_subject(options, client, settings)
    for warning in subject.warnings:
        log.warning("%s", warning)
    audit = Audit(options, subject, settings.data_dir, sys.stderr)
    log.info("auditing %s", subject.setting.name)
    measurements = audit.measure()
    legibility = audit.estimate_legibility()
    seconds = audit.resumed_s + time.monotonic() - began
    results = build_results(audit, measurements, legibility, command, seconds)
    results = results.model_copy(update={"verdict": decide_verdict(results)})
    directory = publish_report(results, settings.models_dir / AUDITS_DIR)
    if subject.renderer:
        subject.renderer.clear()
    log.info("%s", results.verdict.summary)
    log.info("report: %s", directory / "report.html")
    if results.is_above_limit:
        log.error("the accuracy is above the limit %s", results.fail_above)
        return ABOVE_LIMIT
    return 0
