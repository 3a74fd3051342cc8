"""The captchas that the generator renders for an audit, kept on disk until the audit is done."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from shared.captchas.dataset_archive import Dataset
from shared.captchas.spec import CaptchaSpec
from trainer.audit.captchas.audit_captchas import AuditCaptchas, fetch_captchas
from trainer.audit.legibility.estimate import estimate_legibility
from trainer.audit.results import Legibility
from trainer.config import derive_split_seed
from trainer.data.dataset_requests import DatasetRequest
from trainer.data.generator_client import GeneratorClient
from trainer.errors import GeneratorError

log = logging.getLogger(__name__)


class AuditRenderer:
    """Renders captchas of one setting and of the settings with one protection changed."""

    def __init__(self, client: GeneratorClient, cache: Path, seed: int, tested: int) -> None:
        """Render nothing yet.

        Args:
            client: of the generator.
            cache: directory of the captchas; a training that runs meanwhile has another one.
            seed: determines the captchas.
            tested: number of test captchas of every setting.
        """
        self._client, self._cache = client.with_cache(cache), cache
        self._seed, self._tested = seed, tested

    def fetch(self, spec: CaptchaSpec, labelled: int) -> AuditCaptchas:
        """Return captchas to train on and to test on; every setting has the same texts.

        Raises:
            GeneratorError: if they cannot be fetched.
            AuditError: if the setting has too few different captchas.
        """
        source = self._client.describe(spec)
        return fetch_captchas(self._client, source, self._seed, labelled, self._tested)

    def estimate_legibility(self, spec: CaptchaSpec) -> Legibility | None:
        """Return the estimate; None if the captchas do not allow one."""
        try:
            return estimate_legibility(spec, self._fetch_first)
        except GeneratorError as error:
            log.warning("the legibility was not estimated: %s", error)
            return None

    def clear(self) -> None:
        """Remove the captchas from the disk."""
        shutil.rmtree(self._cache, ignore_errors=True)

    def _fetch_first(self, spec: CaptchaSpec, count: int) -> Dataset:
        seed = derive_split_seed(self._seed, "validation")
        source = self._client.describe(spec)
        request = DatasetRequest("validation", spec.style, source, seed, 0, count)
        return next(self._client.fetch(request))
