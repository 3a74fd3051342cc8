"""Programs draw labelled pictures, and a program that fails is reported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.benchmarks.designs import pictures
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.design import Design
from tests.benchmarks.designs.generators import GeneratorError
from tests.benchmarks.designs.pictures import load

OWN = DESIGNS[0]


def create_generator(cache: Path, script: str) -> Design:
    """Return a published design whose installed Python is a shell script."""
    design = Design("wheezy_captcha", "ab", 2, 2, pip=("wheezy.captcha==0",))
    python = cache / "generators" / design.name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return design


def test_pictures_are_rgb_png_files_with_their_label_as_name(cache: Path) -> None:
    drawn = load(OWN, 3, 7, cache)
    assert drawn.texts == OWN.draw_texts(3, 7)
    names = sorted(file.name for file in drawn.folder.iterdir())
    assert names == sorted(f"{text}_{index}.png" for index, text in enumerate(drawn.texts))
    images = [Image.open(io.BytesIO(file)) for file in drawn.files]
    assert {(image.format, image.mode) for image in images} == {("PNG", "RGB")}


def test_pictures_are_drawn_once(cache: Path) -> None:
    drawn = load(OWN, 2, 7, cache)
    marked = drawn.folder / f"{drawn.texts[0]}_0.png"
    marked.write_bytes(b"kept")
    assert load(OWN, 2, 7, cache).files[0] == b"kept"
    assert load(OWN, 3, 7, cache).files[0] != b"kept"


def test_the_message_of_a_failing_generator_is_reported(cache: Path) -> None:
    design = create_generator(cache, "echo 'Traceback'; echo 'ImportError: no wheel' >&2; exit 1")
    with pytest.raises(GeneratorError, match=r"^ImportError: no wheel$"):
        load(design, 2, 7, cache)
    with pytest.raises(GeneratorError):  # nothing incomplete is kept
        load(design, 2, 7, cache)


def test_a_missing_interpreter_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "generators" / "captchapng").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(GeneratorError, match="node is not installed"):
        load(Design("captchapng", "01", 4, 4, npm=("captchapng@0",)), 2, 7, cache)


def test_a_generator_that_draws_too_few_pictures_is_reported(cache: Path) -> None:
    with pytest.raises(GeneratorError, match="0 pictures were drawn instead of 2"):
        load(create_generator(cache, "cat > /dev/null"), 2, 7, cache)


def test_a_picture_of_another_text_than_the_design_allows_is_reported(cache: Path) -> None:
    folder = cache / "drawn"
    folder.mkdir()
    Image.new("RGB", (8, 3)).save(folder / "ax_0.png")
    with pytest.raises(GeneratorError, match="'ax'"):
        pictures._read(folder, Design("misprint", "ab", 2, 2), 1)


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 3), (0, 0, 0, 0)).save(tmp_path / "ab_0.png")
    Image.new("P", (8, 3)).save(tmp_path / "ba_1.gif")
    pictures._convert(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ab_0.png", "ba_1.png"]
    assert Image.open(tmp_path / "ab_0.png").getpixel((0, 0)) == (255, 255, 255)
    assert Image.open(tmp_path / "ba_1.png").mode == "RGB"
