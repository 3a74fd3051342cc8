"""Generator -> captchas on disk: bounded retries, checksums, and nothing half-written is kept."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import httpx

from shared.dataset_archive import Dataset, DatasetError, read_npz
from shared.environment import SettingsError
from shared.spec import CaptchaSpec
from shared.schemas import SpecBody

log = logging.getLogger(__name__)

# Small enough to lose little when one breaks off (about 4 s of drawing), large enough that
# asking costs nothing.
CAPTCHAS_PER_REQUEST = 4000
ATTEMPTS = 8
LONGEST_PAUSE_S = 15.0
PART_TIMEOUT_S = 600.0
ABANDONED_AFTER_S = 3600.0
TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=10.0, pool=5.0)

T = TypeVar("T")


class GeneratorError(RuntimeError):
    """The generator could not be reached, or what it sent could not be used."""


@dataclass(frozen=True)
class Source:
    """What a generator draws, and with what."""

    spec: CaptchaSpec
    drawing: dict[str, object]
    """Libraries and fonts."""
    drawing_fingerprint: str

    def asked_for(self, drawing: str, charset: str) -> Source:
        """The same generator, asked for another drawing and for some characters alone."""
        return replace(self, spec=replace(self.spec, drawing=drawing, charset=charset))


@dataclass(frozen=True)
class _Part:
    """What one request asks for."""

    source: Source
    seed: int
    start: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.seed}/{self.start}-{self.size}.npz"

    @property
    def query(self) -> dict[str, str | int]:
        return {
            "count": self.size,
            "seed": self.seed,
            "start": self.start,
            "format": "npz",
            "drawing": self.source.spec.drawing,
            "charset": self.source.spec.charset,
        }

    @property
    def most_bytes(self) -> int:
        spec = self.source.spec
        return self.size * (spec.width * spec.height + 4 * spec.length + 64) + 100_000

    def read(self, path: Path) -> Dataset:
        """What the file holds. Raises DatasetError if that is not this part."""
        dataset = read_npz(path)
        got = (dataset.spec, dataset.drawing, dataset.seed, dataset.start, len(dataset.texts))
        if got != (
            self.source.spec, self.source.drawing_fingerprint, self.seed, self.start, self.size
        ):  # fmt: skip
            raise DatasetError(f"{path.name} is of another dataset: {got}")
        return dataset


def check_url(text: str) -> str:
    """The address of a generator, as it was given. Raises SettingsError if it cannot be one."""
    try:
        url = httpx.URL(text)
        url.host.encode("idna")  # as looking it up will: empty labels and long ones
    except (httpx.InvalidURL, UnicodeError) as error:
        raise SettingsError(f"GENERATOR_URL is no address ({error}): {text!r}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError(f"GENERATOR_URL must be as http://host:port, not {text!r}")
    return text


class GeneratorClient:
    """Fetches datasets over HTTP and keeps them, checked, under `cache`."""

    def __init__(
        self,
        http: httpx.Client,
        cache: Path,
        sleep: Callable[[float], None] = time.sleep,
        captchas_per_request: int = CAPTCHAS_PER_REQUEST,
    ) -> None:
        self._per_request = captchas_per_request
        self._http = http
        self._cache = cache
        self._sleep = sleep

    def wait_ready(self, timeout_s: float) -> Source:
        """Waits until the generator answers, then asks what it draws. Raises GeneratorError."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                answer = self._http.get("/ready")
                if answer.status_code == httpx.codes.OK:
                    return self._ask_source()
                why = f"{answer.status_code} {answer.text[:200]}"
            except httpx.HTTPError as error:
                why = str(error) or type(error).__name__
            if time.monotonic() >= deadline:
                raise GeneratorError(
                    f"the generator at {self._http.base_url} was not ready"
                    f" within {timeout_s:g} s: {why}"
                )
            self._sleep(0.5)

    def _ask_source(self) -> Source:
        answer = self._http.get("/captcha/spec").raise_for_status()
        try:
            body = SpecBody.model_validate_json(answer.content)
            spec = CaptchaSpec.from_dict(body.spec)
        except ValueError as error:
            raise GeneratorError(f"the generator's spec cannot be used: {error}") from error
        return Source(spec, body.drawing, body.drawing_fingerprint)

    def fetch(self, source: Source, seed: int, count: int, start: int = 0) -> Iterator[Dataset]:
        """Captchas start..start+count-1 of a seed, in order, in parts. Raises GeneratorError."""
        directory = self._directory(source)
        _clear_abandoned(directory)
        for part in self._parts(source, seed, count, start):
            path = directory / part.name
            yield self._read_kept(path, part) or self._retry(self._download, path, part)

    def count_missing_bytes(self, source: Source, seed: int, count: int, start: int = 0) -> int:
        """Bytes that `fetch` with the same arguments would still bring onto the disk."""
        directory = self._directory(source)
        parts = self._parts(source, seed, count, start)
        return sum(part.most_bytes for part in parts if not (directory / part.name).exists())

    def _directory(self, source: Source) -> Path:
        return self._cache / f"{source.spec.fingerprint}-{source.drawing_fingerprint}"

    def _parts(self, source: Source, seed: int, count: int, start: int) -> Iterator[_Part]:
        for begin in range(start, start + count, self._per_request):
            size = min(self._per_request, start + count - begin)
            yield _Part(source, seed, begin, size)

    def _read_kept(self, path: Path, part: _Part) -> Dataset | None:
        if not path.exists():
            return None
        try:
            return part.read(path)
        except DatasetError as error:
            log.warning("%s in the cache; fetching it again", error)
            return None

    def _download(self, path: Path, part: _Part) -> Dataset:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name that no other trainer on this volume has, whatever container it runs in.
        incoming = path.with_suffix(f".{secrets.token_hex(4)}.part")
        deadline = time.monotonic() + PART_TIMEOUT_S
        try:
            with self._http.stream("GET", "/dataset", params=part.query) as answer:
                if not answer.is_success:
                    answer.read()
                answer.raise_for_status()
                with incoming.open("wb") as file:
                    for block in answer.iter_bytes():
                        file.write(block)
                        if time.monotonic() > deadline:
                            raise httpx.ReadTimeout(f"not sent within {PART_TIMEOUT_S:g} s")
                        if file.tell() > part.most_bytes:
                            raise DatasetError(f"{path.name} is larger than such a part can be")
            dataset = part.read(incoming)
            incoming.replace(path)
        finally:
            incoming.unlink(missing_ok=True)
        return dataset

    def _retry(self, call: Callable[..., T], *arguments: object) -> T:
        pause_s = 0.5
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call(*arguments)
            except httpx.HTTPStatusError as error:
                answer = error.response
                why = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code < 500:
                    raise GeneratorError(f"the generator refuses: {why}") from error
            except (httpx.HTTPError, DatasetError) as error:
                why = str(error) or type(error).__name__
            if attempt < ATTEMPTS:
                log.warning("generator: %s; trying again in %g s", why, pause_s)
                self._sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise GeneratorError(f"gave up after {ATTEMPTS} attempts: {why}")


def _clear_abandoned(directory: Path) -> None:
    """Removes what trainers that were killed had begun to fetch."""
    for part in directory.rglob("*.part"):
        try:
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                part.unlink()
        except FileNotFoundError:
            continue  # another trainer's, finished just now
