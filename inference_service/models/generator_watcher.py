"""What the generator renders: its captcha spec, requested every few seconds."""

from __future__ import annotations

import logging
import threading
import urllib.request

from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import SpecBody

log = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
# Until the first response, the service may use a version that was trained for other captchas.
_FIRST_POLL_S = 1.0
# The spec and the versions of its renderer have less than a thousand.
_MAX_BYTES = 100_000


class GeneratorWatcher:
    """Keeps the spec that the generator reported last.

    One thread calls `watch` or `refresh`; other threads read the attributes.

    Attributes:
        spec: None until the generator has responded.
        first_request: set after the first request, successful or not.
    """

    def __init__(self, url: str) -> None:
        """Create a watcher that has not requested anything.

        Args:
            url: address of the generator, such as `http://127.0.0.1:8000`.
        """
        self.spec: CaptchaSpec | None = None
        self.first_request = threading.Event()
        self._url = f"{url.rstrip('/')}/captcha/spec"
        self._has_failed = False
        # The generator is in the same network, which a proxy may not reach.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def watch(self, poll_s: float, stop: threading.Event) -> None:
        """Refresh every `poll_s` seconds until `stop` is set."""
        while True:
            self.refresh()
            self.first_request.set()
            if stop.wait(poll_s if self.spec else min(poll_s, _FIRST_POLL_S)):
                return

    def refresh(self) -> None:
        """Request the spec once; without a valid response, keep the last one."""
        try:
            spec = self._fetch()
        except Exception as error:
            # urllib, http.client, pydantic and CaptchaSpec raise a dozen types.
            if not self._has_failed:
                consequence = "the last one is kept" if self.spec else "the newest version predicts"
                log.warning("no captcha spec from %s, %s: %s", self._url, consequence, error)
            self._has_failed = True
            return
        if self._has_failed:
            log.info("the generator responds (%s)", self._url)
        self._has_failed = False
        if spec != self.spec:
            log.info("the generator renders %s", describe_captchas(spec))
            self.spec = spec

    def _fetch(self) -> CaptchaSpec:
        with self._opener.open(self._url, timeout=_TIMEOUT_S) as response:
            content = response.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"the response has more than {_MAX_BYTES:,} bytes")
        return CaptchaSpec.from_dict(SpecBody.model_validate_json(content).spec)


def describe_captchas(spec: CaptchaSpec) -> str:
    """Return a spec for messages: "4 characters of '0123456789', 160x60 pixels, style current"."""
    return (
        f"{spec.length_range} characters of {spec.charset!r},"
        f" {spec.width}x{spec.height} pixels, style {spec.style}"
    )
