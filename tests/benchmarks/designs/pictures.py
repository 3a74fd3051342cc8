"""Labelled pictures of designs: PNG files `<label>_<index>.png`, drawn once and kept."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from shared.fingerprint import fingerprint
from tests.benchmarks.designs import generators
from tests.benchmarks.designs.design import PROGRAMS, Design
from tests.benchmarks.designs.generators import GeneratorError

TEST_SEED = 6_000_003
LABELS_SEED = 7_000_003


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures of a design."""

    folder: Path
    texts: list[str]
    files: list[bytes]
    """PNG files."""


def load(design: Design, count: int, seed: int, cache: Path) -> Pictures:
    """Return pictures of a design, which are drawn if the cache does not contain them.

    Raises:
        GeneratorError: if the generator fails or draws something else than the design says.
    """
    programs = {file.name: file.read_text() for file in PROGRAMS.iterdir() if file.is_file()}
    key = fingerprint({"programs": programs, "design": repr(design), "seed": seed, "count": count})
    folder = cache / "pictures" / f"{design.name}-{key}"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        generators.draw(design, design.draw_texts(count, seed), seed, part, cache)
        _convert(part)
        part.rename(folder)
    return _read(folder, design, count)


def _convert(folder: Path) -> None:
    """Write every picture as an RGB PNG; transparent pixels become white, as on a web page."""
    for file in list(folder.iterdir()):
        with Image.open(io.BytesIO(file.read_bytes())) as image:
            rgba = image.convert("RGBA")
        page = Image.new("RGBA", rgba.size, "white")
        file.unlink()
        Image.alpha_composite(page, rgba).convert("RGB").save(file.with_suffix(".png"))


def _read(folder: Path, design: Design, count: int) -> Pictures:
    files = sorted(folder.iterdir(), key=lambda file: int(file.stem.partition("_")[2]))
    texts = [file.stem.partition("_")[0] for file in files]
    if len(files) != count:
        raise GeneratorError(f"{len(files)} pictures were drawn instead of {count}")
    wrong = [text for text in texts if not design.allows(text)]
    if wrong:
        raise GeneratorError(f"a picture shows {wrong[0]!r}, which the design does not contain")
    return Pictures(folder, texts, [file.read_bytes() for file in files])
