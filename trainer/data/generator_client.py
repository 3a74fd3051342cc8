"""HTTP client of the generator with a verified cache on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from shared.captchas.dataset_archive import Dataset, DatasetError, read_npz
from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import PicturesBody, SpecBody
from shared.replaced_file import replace_file
from shared.validation_errors import describe_validation_errors
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.errors import GeneratorError

log = logging.getLogger(__name__)

# Rendering a part takes about 4 s. A lost connection costs one part.
CAPTCHAS_PER_PART = 4000
ATTEMPTS = 8
MAX_PAUSE_S = 15.0
PART_TIMEOUT_S = 600.0
ABANDONED_AFTER_S = 3600.0
TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=10.0, pool=5.0)

T = TypeVar("T")


@dataclass(frozen=True)
class _Part:
    """One HTTP request."""

    source: CaptchaSource
    seed: int
    start: int
    size: int

    @property
    def file_name(self) -> str:
        return f"{self.seed}/{self.start}-{self.size}.npz"

    @property
    def body(self) -> dict[str, Any]:
        return {
            "spec": self.source.spec.to_dict(),
            "count": self.size,
            "seed": self.seed,
            "start": self.start,
        }

    @property
    def max_bytes(self) -> int:
        spec = self.source.spec
        return self.size * (spec.width * spec.height + 4 * spec.length + 64) + 100_000

    def read(self, path: Path) -> Dataset:
        """Return the dataset in a file.

        Raises:
            DatasetError: if it is not this part.
        """
        dataset = read_npz(path)
        found = (dataset.spec, dataset.renderer, dataset.seed, dataset.start, len(dataset.texts))
        source = self.source
        if found != (source.spec, source.renderer_fingerprint, self.seed, self.start, self.size):
            raise DatasetError(f"{path.name} contains another dataset: {found}")
        return dataset


class GeneratorClient:
    """Fetches datasets in parts and keeps each verified part under `cache`."""

    def __init__(
        self,
        http: httpx.Client,
        cache: Path,
        sleep: Callable[[float], None] = time.sleep,
        captchas_per_part: int = CAPTCHAS_PER_PART,
    ) -> None:
        self._captchas_per_part = captchas_per_part
        self._http = http
        self._cache = cache
        self._sleep = sleep

    def with_cache(self, cache: Path) -> GeneratorClient:
        """Return a client of the same generator that keeps its parts in another directory."""
        return GeneratorClient(self._http, cache, self._sleep, self._captchas_per_part)

    def wait_ready(self, timeout_s: float) -> CaptchaSource:
        """Wait until the generator is ready and return what it generates.

        Raises:
            GeneratorError: after the timeout.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                response = self._http.get("/ready")
                if response.status_code == httpx.codes.OK:
                    return self._get_source()
                reason = f"{response.status_code} {response.text[:200]}"
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            if time.monotonic() >= deadline:
                raise GeneratorError(
                    f"the generator at {self._http.base_url} was not ready"
                    f" within {timeout_s:g} s: {reason}"
                )
            self._sleep(0.5)

    def describe(self, spec: CaptchaSpec) -> CaptchaSource:
        """Return what the generator renders for any spec.

        Raises:
            GeneratorError: if it cannot render the spec, with its reason, or is unreachable.
        """
        return self._retry(self._describe, spec)

    def _describe(self, spec: CaptchaSpec) -> CaptchaSource:
        response = self._http.post("/internal/spec", json={"spec": spec.to_dict()})
        return _read_source(response.raise_for_status())

    def _get_source(self) -> CaptchaSource:
        return _read_source(self._http.get("/captcha/spec").raise_for_status())

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        """Yield the captchas of a request in order, in parts.

        Raises:
            GeneratorError: if a part cannot be fetched.
        """
        directory = self._directory(request.source)
        _remove_abandoned(directory)
        for part in self._parts(request):
            path = directory / part.file_name
            yield self._read_cached(path, part) or self._retry(self._download, path, part)

    def fetch_pictures(self, seed: int) -> PicturesBody:
        """Return the picture captcha of a seed. It is not kept on disk.

        Raises:
            GeneratorError: if it cannot be fetched.
        """
        return self._retry(self._get_pictures, seed)

    def _get_pictures(self, seed: int) -> PicturesBody:
        response = self._http.get("/captcha/pictures", params={"seed": seed}).raise_for_status()
        try:
            return PicturesBody.model_validate_json(response.content)
        except ValidationError as error:
            reason = describe_validation_errors(error.errors())
            raise GeneratorError(f"the pictures of the generator are invalid: {reason}") from error

    def get(self, route: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the body of a route of the generator. It is not kept on disk.

        Args:
            route: such as `/captcha.png`.
            parameters: its query parameters.

        Raises:
            GeneratorError: if it cannot be fetched.
        """
        return self._retry(self._get_body, route, parameters)

    def _get_body(self, route: str, parameters: Mapping[str, str | int]) -> bytes:
        return self._http.get(route, params=dict(parameters)).raise_for_status().content

    def count_missing_bytes(self, request: DatasetRequest) -> int:
        """Return how many bytes `fetch` would write to disk, at most."""
        directory = self._directory(request.source)
        return sum(
            part.max_bytes
            for part in self._parts(request)
            if not (directory / part.file_name).exists()
        )

    def _directory(self, source: CaptchaSource) -> Path:
        return self._cache / f"{source.spec.fingerprint}-{source.renderer_fingerprint}"

    def _parts(self, request: DatasetRequest) -> Iterator[_Part]:
        stop = request.start + request.count
        for start in range(request.start, stop, self._captchas_per_part):
            size = min(self._captchas_per_part, stop - start)
            yield _Part(request.source, request.seed, start, size)

    def _read_cached(self, path: Path, part: _Part) -> Dataset | None:
        if not path.exists():
            return None
        try:
            return part.read(path)
        except DatasetError as error:
            log.warning("%s in the cache; fetching it again", error)
            return None

    def _download(self, path: Path, part: _Part) -> Dataset:
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + PART_TIMEOUT_S
        with replace_file(path) as partial:
            with self._http.stream("POST", "/internal/dataset", json=part.body) as response:
                if not response.is_success:
                    response.read()
                response.raise_for_status()
                with partial.open("wb") as file:
                    for block in response.iter_bytes():
                        file.write(block)
                        if time.monotonic() > deadline:
                            raise httpx.ReadTimeout(f"not complete within {PART_TIMEOUT_S:g} s")
                        if file.tell() > part.max_bytes:
                            raise DatasetError(f"{path.name} is larger than such a part can be")
            return part.read(partial)

    def _retry(self, call: Callable[..., T], *arguments: object) -> T:
        pause_s = 0.5
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call(*arguments)
            except httpx.HTTPStatusError as error:
                response = error.response
                reason = _read_reason(response)
                if response.status_code < 500:
                    raise GeneratorError(f"the generator rejects the request: {reason}") from error
            except (httpx.HTTPError, DatasetError) as error:
                reason = str(error) or type(error).__name__
            if attempt < ATTEMPTS:
                log.warning("generator: %s; retrying in %g s", reason, pause_s)
                self._sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
        raise GeneratorError(f"gave up after {ATTEMPTS} attempts: {reason}")


def _read_reason(response: httpx.Response) -> str:
    """Return the generator's sentence if it refuses a request, else the status and the text."""
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        try:
            return str(response.json()["detail"])[:2000]
        except (ValueError, TypeError, KeyError):
            pass
    return f"{response.status_code} {response.text[:200]}"


def _read_source(response: httpx.Response) -> CaptchaSource:
    try:
        body = SpecBody.model_validate_json(response.content)
        spec = CaptchaSpec.from_dict(body.spec)
    except ValueError as error:
        # pydantic's own message has several lines.
        reason = (
            describe_validation_errors(error.errors())
            if isinstance(error, ValidationError)
            else error
        )
        raise GeneratorError(f"the generator's spec is invalid: {reason}") from error
    return CaptchaSource(spec, body.renderer, body.renderer_fingerprint)


def _remove_abandoned(directory: Path) -> None:
    """Remove incomplete downloads of trainers that were killed."""
    for part in directory.rglob("*.part"):
        try:
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                part.unlink()
        except FileNotFoundError:
            continue  # another trainer has just completed it
