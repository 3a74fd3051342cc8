"""Description of a spec: its fields, and the versions of what renders it."""

from __future__ import annotations

from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import SpecBody


def describe_spec(pool: WorkerPool, spec: CaptchaSpec) -> SpecBody:
    """Return a spec with the libraries and fonts that render it.

    Raises:
        FontError: if a font cannot be used.
        UnknownFont: if the spec names a font that the generator does not have.
    """
    return SpecBody(
        spec=spec.to_dict(),
        fingerprint=spec.fingerprint,
        renderer=pool.describe_renderer(spec),
        renderer_fingerprint=pool.fingerprint_renderer(spec),
    )
