from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.spec import CaptchaSpec
from trainer.folder import FolderError, read_folder

LABELS = ["ab", "abc", "cab", "ba"]


def fill(folder: Path, count: int = 200, size: tuple[int, int] = (40, 20)) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for i in range(count):
        picture = Image.fromarray(rng.integers(0, 255, (size[1], size[0]), dtype=np.uint8))
        picture.save(folder / f"{LABELS[i % 4]}_{i}.png")
    return folder


def test_the_spec_is_what_the_folder_shows(tmp_path: Path) -> None:
    own = read_folder(fill(tmp_path / "own"), None)
    assert own.spec == CaptchaSpec("abc", length=3, min_length=2, width=40, height=20)
    assert own.images.shape == (200, 20, 40)
    assert sorted(set(own.texts)) == ["ab", "abc", "ba", "cab"]


def test_pixels_and_labels_belong_together(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    own = read_folder(folder, None)
    for image, text in zip(own.images, own.texts, strict=True):
        (path,) = [p for p in folder.iterdir() if np.array_equal(Image.open(p), image)]
        assert path.name.startswith(f"{text}_")


def test_a_name_without_a_tail_is_a_label_as_the_course_named_them(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    Image.new("L", (40, 20)).save(folder / "cb.jpg")
    assert "cb" in read_folder(folder, None).texts


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "gif", "bmp", "webp"])
def test_the_kinds_of_pictures_that_are_promised_are_read(tmp_path: Path, suffix: str) -> None:
    folder = fill(tmp_path / "own", count=120)
    Image.new("L", (40, 20), 77).save(folder / f"cc_1.{suffix}")
    own = read_folder(folder, None)
    image = own.images[own.texts.index("cc")]
    assert np.abs(image.astype(int) - 77).max() <= 2


def test_it_is_split_by_its_pixels_so_that_copies_stay_together(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=400)
    before = read_folder(folder, None)
    sides = {row: name for name, rows in before.split().items() for row in rows}
    assert sorted(sides) == list(range(400))
    counts = {name: len(rows) for name, rows in before.split().items()}
    assert 280 < counts["train"] < 360
    assert min(counts.values()) > 15
    # Copies under other names, and more captchas: nothing changes sides.
    pixels = {before.images[row].tobytes(): name for row, name in sides.items()}
    for path in sorted(folder.iterdir())[:50]:
        (folder / f"{path.stem}copy.png").write_bytes(path.read_bytes())
    after = read_folder(folder, None)
    for name, rows in after.split().items():
        assert {pixels[after.images[row].tobytes()] for row in rows} == {name}


def test_another_pixel_or_label_is_another_fingerprint(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    first = read_folder(folder, None).fingerprint
    assert read_folder(folder, None).fingerprint == first
    (folder / "ab_0.png").rename(folder / "ab_zzz.png")
    assert read_folder(folder, None).fingerprint == first
    (folder / "ab_zzz.png").rename(folder / "ba_0.png")
    assert read_folder(folder, None).fingerprint != first


SPEC = CaptchaSpec("abc", length=3, min_length=2, width=40, height=20)


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("xy_1.png", (40, 20), "xy_1.png: text holds 'xy', which is not in the charset 'abc'"),
        ("a_1.png", (40, 20), "a_1.png: text has 1 characters, a captcha here has 2 to 3"),
        ("ab_x.png", (20, 40), "ab_x.png: the image is 20x40; expected 40x20"),
    ],
)
def test_a_captcha_of_another_kind_is_named(
    tmp_path: Path, name: str, size: tuple[int, int], sentence: str
) -> None:
    folder = fill(tmp_path / "own")
    Image.new("L", size).save(folder / name)
    with pytest.raises(FolderError, match=sentence):
        read_folder(folder, SPEC)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    (folder / "ab_bad.png").write_bytes(b"hello")
    for spec in (SPEC, None):
        with pytest.raises(FolderError, match=r"ab_bad\.png: this is not an? "):
            read_folder(folder, spec)


def test_a_header_that_promises_too_much_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    huge = png_header(20_000, 20_000)
    (folder / "Ab_0.png").write_bytes(huge)  # first in order: the size is asked of the first few
    for spec in (SPEC, None):
        with pytest.raises(FolderError, match=r"^Ab_0\.png: "):
            read_folder(folder, spec)


def png_header(width: int, height: int) -> bytes:
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(content))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + content + checksum


def test_pictures_too_large_for_captchas_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for index in range(100):
        Image.new("L", (1200, 400)).save(folder / f"ab_{index}.png")
    with pytest.raises(FolderError, match=r"the pictures in .* make no captchas: width must be"):
        read_folder(folder, None)


def test_names_that_make_no_labels_are_told(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    Image.new("L", (40, 20)).save(folder / "a b_1.png")
    with pytest.raises(FolderError, match="make no captchas: charset holds ' '"):
        read_folder(folder, None)


def test_copies_of_a_few_captchas_are_too_few(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=100)
    for path in list(folder.iterdir())[4:]:
        path.unlink()
    for path in list(folder.iterdir()):
        for i in range(40):
            (folder / f"{path.stem}copy{i}.png").write_bytes(path.read_bytes())
    with pytest.raises(FolderError, match="holds 4 different pictures, at least 100"):
        read_folder(folder, None)


def test_a_picture_with_two_labels_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    (folder / "cc_copy.png").write_bytes((folder / "abc_1.png").read_bytes())
    with pytest.raises(FolderError, match=r"^abc_1.png and cc_copy.png are the same picture with"):
        read_folder(folder, None)


def test_a_name_without_a_label_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own")
    Image.new("L", (40, 20)).save(folder / "_1.png")
    with pytest.raises(FolderError, match=r"_1\.png: there is no label before the _"):
        read_folder(folder, None)


def test_no_folder_and_too_few_captchas_are_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is no folder"):
        read_folder(tmp_path / "nothing", None)
    with pytest.raises(FolderError, match=r"holds 20 pictures .* at least 100"):
        read_folder(fill(tmp_path / "own", count=20), None)
