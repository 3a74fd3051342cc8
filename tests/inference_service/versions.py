"""Model versions on disk, and the damage that tests do to them."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import publish, read_manifest
from shared.versions.manifest import GoldenSample, ManifestDraft
from tests.inference_service.captchas import draw
from tests.inference_service.engines import BandEngine
from tests.shared.sample_manifest import sample_draft


def publish_fake(versions: Path, spec: CaptchaSpec, **changes: object) -> Path:
    """Publish a version whose engine is `BandEngine`, and return its directory."""
    text = spec.charset[-1] * spec.length
    captcha = draw(text, spec)
    golden = GoldenSample(
        image=base64.b64encode(captcha.png).decode(),
        text=text,
        probabilities=BandEngine(spec).predict(captcha.image[None])[0].tolist(),
    )
    source = versions.with_name("source")
    shutil.rmtree(source, ignore_errors=True)
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables" / "variables.data-00000-of-00001").write_bytes(b"weights")
    draft = sample_draft(spec=spec.to_dict(), golden=golden, **changes)
    return versions / str(publish(source, versions, draft))


def bundle_fake(directory: Path, spec: CaptchaSpec) -> Path:
    """Make a version of `publish_fake` the bundled model, and return the directory for a store."""
    published = publish_fake(directory / "published", spec)
    shutil.move(published, directory / "bundled" / "0")
    return directory / "bundled"


def copy_version(versions: Path, version: int) -> Path:
    """Copy version 1 to another number and return its directory."""
    return Path(shutil.copytree(versions / "1", versions / str(version)))


def add_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Publish the highest version again, with further files."""
    draft = draft_of(directory)
    source = directory.rename(directory.with_suffix(".source"))
    (source / "manifest.json").unlink()
    for name, content in files.items():
        (source / name).write_bytes(content)
    publish(source, directory.parent, draft)
    shutil.rmtree(source)


def edit_manifest(directory: Path, **changes: object) -> None:
    path = directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def draft_of(directory: Path, **changes: object) -> ManifestDraft:
    """Return the draft of a version's manifest with these fields changed."""
    return ManifestDraft(**read_manifest(directory).model_dump(exclude={"files"}) | changes)


def flip_a_byte(directory: Path) -> None:
    path = next((directory / "variables").glob("variables.data*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove_all_files(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def remove_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def remove_graph(directory: Path) -> None:
    (directory / "saved_model.pb").unlink()


def list_a_file_outside(directory: Path) -> None:
    record = {"sha256": "0", "size_bytes": 0}
    edit_manifest(directory, files={"saved_model.pb": record, "../../../etc/passwd": record})


def list_a_file_with_a_nul(directory: Path) -> None:
    record = {"sha256": "0", "size_bytes": 0}
    edit_manifest(directory, files={"saved_model.pb": record, "\0": record})


def replace_graph_by_a_device(directory: Path) -> None:
    (directory / "saved_model.pb").unlink()
    (directory / "saved_model.pb").symlink_to("/dev/zero")


def replace_manifest_by_a_pipe(directory: Path) -> None:
    (directory / "manifest.json").unlink()
    os.mkfifo(directory / "manifest.json")


def link_manifest_to_itself(directory: Path) -> None:
    remove_all_files(directory)
    (directory / "manifest.json").symlink_to("manifest.json")


def reverse_golden_probabilities(directory: Path) -> None:
    golden = json.loads((directory / "manifest.json").read_text())["golden"]
    golden["probabilities"] = [row[::-1] for row in golden["probabilities"]]
    edit_manifest(directory, golden=golden)


def shorten_a_golden_row(directory: Path) -> None:
    golden = json.loads((directory / "manifest.json").read_text())["golden"]
    golden["probabilities"][0] = [1.0]
    edit_manifest(directory, golden=golden)


def drop_a_golden_row(directory: Path) -> None:
    golden = json.loads((directory / "manifest.json").read_text())["golden"]
    golden["probabilities"].pop()
    edit_manifest(directory, golden=golden)


def claim_a_smaller_charset(directory: Path) -> None:
    spec = read_manifest(directory).spec
    edit_manifest(directory, spec=spec | {"charset": spec["charset"][:-2]})


def claim_other_characters(directory: Path) -> None:
    spec = read_manifest(directory).spec
    edit_manifest(directory, spec=spec | {"charset": spec["charset"][::-1]})


def publish_an_invalid_graph(directory: Path) -> None:
    """Replace a version by one with correct checksums of a file that is not a graph."""
    draft = draft_of(directory)
    shutil.rmtree(directory)
    source = directory.with_suffix(".source")
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"not a graph")
    publish(source, directory.parent, draft)
