"""Objects under a URL: in S3, Google Cloud Storage, Azure or on a web server.

The library, obstore, is imported when a store is opened: only the trainer and the sync service
install it, and only for an object store. It reads credentials and endpoints from the environment,
under the names that the clouds' own tools use.

StoreError             the store cannot be reached, refuses access or answers with an error
├── ObjectMissing      there is no such object
├── ObjectChanged      another writer was faster
└── ObjectTooLarge     an object is larger than expected
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import obstore

log = logging.getLogger(__name__)

WRITE_SCHEMES = ("s3", "gs", "az")
READ_SCHEMES = (*WRITE_SCHEMES, "http", "https")
_CONNECT_TIMEOUT_S = 5
# Between two reads of a response, and for a whole request.
_READ_TIMEOUT_S = 20
_REQUEST_TIMEOUT_S = 300


class StoreError(OSError):
    """The store failed. The message has no address; the log has the details."""


class ObjectMissing(StoreError):
    """There is no such object."""


class ObjectChanged(StoreError):
    """The object exists already, or was changed since it was read."""


class ObjectTooLarge(StoreError):
    """An object is larger than expected."""


@dataclass(frozen=True)
class StoredObject:
    """The content of an object and the tag of this state, with which it can be replaced."""

    content: bytes
    tag: dict[str, str]


def check_store_url(url: str, schemes: tuple[str, ...]) -> str:
    """Return the URL of a store.

    Raises:
        ValueError: if it cannot be opened.
    """
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.netloc:
        raise ValueError(f"must be a URL that starts with {', '.join(f'{s}://' for s in schemes)}")
    if importlib.util.find_spec("obstore") is None:
        raise ValueError("needs the package obstore; docs/object-store.md says how to install it")
    return url


class ObjectStore:
    """Reads and writes objects whose names are relative to a URL."""

    def __init__(self, url: str, retry_s: float = 20.0) -> None:
        """Create a store; nothing is requested yet.

        Args:
            url: where the objects are.
            retry_s: how long failed requests are repeated, in seconds.

        Raises:
            StoreError: if the URL or a variable of the environment is invalid.
        """
        import obstore.store  # noqa: PLC0415
        from obstore import exceptions  # noqa: PLC0415

        options: dict[str, Any] = {
            "client_options": {
                "connect_timeout": f"{_CONNECT_TIMEOUT_S}s",
                "read_timeout": f"{_READ_TIMEOUT_S}s",
                "timeout": f"{_REQUEST_TIMEOUT_S}s",
                "allow_http": True,  # if the URL or the endpoint is plain HTTP
            },
            "retry_config": {"max_retries": 10, "retry_timeout": timedelta(seconds=retry_s)},
        }
        try:
            self._store = obstore.store.from_url(url, **options)
        except (exceptions.BaseError, OSError, ValueError) as error:
            _log_details("", error)
            raise StoreError(
                "the URL of the store or its credentials are invalid; the log has the details"
            ) from error

    def read(self, name: str, max_bytes: int) -> StoredObject:
        """Return a small object.

        Raises:
            StoreError: also if it is larger than `max_bytes`.
        """
        content = bytearray()
        with _translating(name):
            result = self._get(name)
            for chunk in result.stream(min_chunk_size=1):
                content += memoryview(chunk)
                if len(content) > max_bytes:
                    raise ObjectTooLarge(f"{name} has more than {max_bytes:,} bytes")
            meta = result.meta
        # Absent values must be left out.
        tag = {"e_tag": meta["e_tag"], "version": meta["version"]}
        return StoredObject(bytes(content), {key: value for key, value in tag.items() if value})

    def download(self, name: str, path: Path, max_bytes: int, deadline: float) -> None:
        """Write an object to a new file.

        Args:
            name: of the object.
            path: the file; its directory is created.
            max_bytes: the download stops at this size.
            deadline: when it stops, on `time.monotonic`.

        Raises:
            StoreError: if the store fails, the object is too large or the time is over.
            OSError: if the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        size_bytes = 0
        with path.open("xb") as file:
            for chunk in self._stream(name):
                size_bytes += len(chunk)
                if size_bytes > max_bytes:
                    raise ObjectTooLarge(f"{name} has more than {max_bytes:,} bytes")
                if time.monotonic() > deadline:
                    raise StoreError(f"{name} was not complete in time")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def write(
        self, name: str, content: bytes | Path, replaces: dict[str, str] | None = None
    ) -> None:
        """Create or replace an object.

        Args:
            name: of the object.
            content: bytes, or a file that contains them.
            replaces: the tag of the state that is replaced; None replaces any.

        Raises:
            ObjectChanged: if the object has another state.
            StoreError: if the store fails, or cannot replace a certain state.
        """
        self._put(name, content, replaces or "overwrite")

    def create(self, name: str, content: bytes) -> None:
        """Create an object.

        Raises:
            ObjectChanged: if it exists.
            StoreError: if the store fails.
        """
        self._put(name, content, "create")

    def delete(self, name: str) -> None:
        """Delete an object, if it exists.

        Raises:
            StoreError: if the store fails.
        """
        import obstore  # noqa: PLC0415

        try:
            with _translating(name):
                obstore.delete(self._store, name)
        except ObjectMissing:
            pass

    def _get(self, name: str) -> obstore.GetResult:
        import obstore  # noqa: PLC0415

        return obstore.get(self._store, name)

    def _stream(self, name: str) -> Iterator[bytes]:
        """Yield an object in chunks; errors of the reader are not those of the store."""
        with _translating(name):
            chunks = iter(self._get(name).stream(min_chunk_size=1))
        while True:
            with _translating(name):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield bytes(chunk)

    def _put(self, name: str, content: bytes | Path, mode: Any) -> None:
        import obstore  # noqa: PLC0415

        with _translating(name):
            if isinstance(content, bytes):
                # One request: conditions are not supported for uploads in parts everywhere.
                obstore.put(self._store, name, content, mode=mode, use_multipart=False)
            else:
                obstore.put(self._store, name, content, mode=mode)


@contextmanager
def _translating(name: str) -> Iterator[None]:
    from obstore import exceptions  # noqa: PLC0415

    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        raise ObjectMissing(f"{name} is not in the store") from error
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
        raise ObjectChanged(f"{name} was written by another program") from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        _log_details(name, error)
        raise StoreError("the store refuses access: check the credentials") from error
    except (exceptions.BaseError, OSError, ValueError) as error:
        _log_details(name, error)
        raise StoreError("the store cannot be reached or answers with an error") from error


def _log_details(name: str, error: BaseException) -> None:
    """Log what the library says; it contains addresses, which no error message has."""
    details = " ".join(str(error).partition("Debug source")[0].split())
    log.warning("%s: %s", name or "the store", details[:1_000])
