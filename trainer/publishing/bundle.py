"""Makes a version the bundled model: `python -m trainer.publishing.bundle SOURCE TARGET`.

The bundled model serves predictions before the first training. It keeps the SavedModel and the
manifest; figures and history are left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from shared.versions.artifacts import MANIFEST, ArtifactError, verify

# Files and directories of a SavedModel.
_SAVED_MODEL_FILES = ("saved_model.pb", "fingerprint.pb", "variables/", "assets/")


def bundle(source: Path, target: Path) -> None:
    """Copy the SavedModel and the manifest of a version, replacing an existing version.

    Raises:
        ArtifactError: if the source or an existing target is not a valid version.
    """
    manifest = verify(source)
    if target.exists():
        verify(target)  # so that a wrong path cannot delete anything but a version
    files = {n: file for n, file in manifest.files.items() if n.startswith(_SAVED_MODEL_FILES)}
    partial = target.with_name(f".partial-{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    for name in files:
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, path)
    bundled = manifest.model_copy(update={"files": files})
    (partial / MANIFEST).write_text(bundled.model_dump_json(indent=2) + "\n")
    verify(partial)
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)


def main() -> None:
    """Copy the version that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m trainer.publishing.bundle")
    parser.add_argument("source", type=Path, help="directory of a version, models/captcha/<number>")
    parser.add_argument("target", type=Path, help="directory to create or replace")
    options = parser.parse_args()
    try:
        bundle(options.source, options.target)
    except (ArtifactError, OSError) as error:
        sys.exit(f"{options.source} cannot be bundled: {error}")


if __name__ == "__main__":
    main()
