"""Files that are replaced as a whole, so that readers never see a partial one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path in the same directory to write to, and rename that file to `path` at the end.

    After an error it is deleted. A process that is killed leaves it. Its name, `.<name>.<hex
    digits>.part`, is unique, because several processes can share a volume.

    Raises:
        OSError: if the file cannot be renamed.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
