"""Makes a version small enough to be kept beside code: `python -m trainer.pack VERSION TARGET`.

What answers stays, with the manifest: pictures and history go. `make box` puts the model into the
inference service that it answers with before any training.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from shared.artifacts import MANIFEST, ArtifactError, verify

# The names of a SavedModel's own files and directories.
_ANSWERS = ("saved_model.pb", "fingerprint.pb", "variables/", "assets/")


def pack(version: Path, target: Path) -> None:
    """Copies what a version answers with. Raises ArtifactError if it does not verify, before or
    after."""
    manifest = verify(version)
    kept = {name: file for name, file in manifest.files.items() if name.startswith(_ANSWERS)}
    incoming = target.with_name(f".incoming-{target.name}")
    shutil.rmtree(incoming, ignore_errors=True)
    for name in kept:
        path = incoming / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(version / name, path)
    smaller = manifest.model_copy(update={"files": kept})
    (incoming / MANIFEST).write_text(smaller.model_dump_json(indent=2) + "\n")
    verify(incoming)
    if target.exists():
        # A wrong path must not cost anything but an older version.
        verify(target)
        shutil.rmtree(target)
    incoming.rename(target)


def main() -> None:
    """Reads two paths."""
    parser = argparse.ArgumentParser(prog="python -m trainer.pack", description=__doc__)
    parser.add_argument("version", type=Path, help="a version's directory, models/captcha/<number>")
    parser.add_argument("target", type=Path, help="directory to make; one that is there goes")
    options = parser.parse_args()
    try:
        pack(options.version, options.target)
    except (ArtifactError, OSError) as error:
        sys.exit(f"{options.version} cannot be packed: {error}")


if __name__ == "__main__":
    main()
