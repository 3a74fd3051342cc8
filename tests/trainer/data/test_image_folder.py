"""Image folders: labels, the inferred spec, splits by pixels, and errors that name the file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from shared.captchas.images import decode_image
from shared.captchas.spec import CaptchaSpec
from tests.shared.encoded_images import png_that_claims
from trainer.data.image_folder import ImageFolder, read_image_folder, read_size
from trainer.errors import ImageFolderError

LABELS = ["ab", "abc", "cab", "ba"]
SPEC = CaptchaSpec("abc", length=3, min_length=2, width=40, height=20)


def fill(folder: Path, count: int = 120, size: tuple[int, int] = (40, 20)) -> Path:
    """Write noise images with the labels in turn: ab_0.png, abc_1.png, ..."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for i in range(count):
        image = Image.fromarray(rng.integers(0, 255, (size[1], size[0]), dtype=np.uint8))
        image.save(folder / f"{LABELS[i % 4]}_{i}.png")
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return fill(tmp_path / "own")


def test_the_spec_is_inferred_from_file_names_and_images(own: Path) -> None:
    folder = read_image_folder(own, None)
    assert folder.spec == SPEC
    assert len(folder) == 120
    assert folder.images.shape == (120, 20, 40)
    assert folder.images.dtype == np.uint8
    assert sorted(set(folder.texts)) == ["ab", "abc", "ba", "cab"]


def test_a_given_spec_is_kept(own: Path) -> None:
    spec = CaptchaSpec("xyzabc", length=5, min_length=1, width=40, height=20)
    assert read_image_folder(own, spec).spec == spec


def test_images_and_labels_are_in_the_order_of_the_file_names(own: Path) -> None:
    folder = read_image_folder(own, None)
    files = sorted(own.iterdir())
    assert folder.texts == [file.name.partition("_")[0] for file in files]
    for image, file in zip(folder.images, files, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(file)))


def test_images_are_decoded_as_the_inference_service_decodes_them(own: Path) -> None:
    rng = np.random.default_rng(2)
    colours = Image.fromarray(rng.integers(0, 255, (20, 40, 4), dtype=np.uint8), "RGBA")
    colours.save(own / "cc_1.png")
    folder = read_image_folder(own, None)
    expected = decode_image((own / "cc_1.png").read_bytes(), SPEC)
    assert np.array_equal(folder.images[folder.texts.index("cc")], expected)


def test_the_label_is_the_name_up_to_the_first_underscore_or_the_whole_stem(own: Path) -> None:
    Image.new("L", (40, 20), 1).save(own / "cb.jpg")
    Image.new("L", (40, 20), 2).save(own / "ca_1_2.png")
    Image.new("L", (40, 20), 3).save(own / "cca_.png")
    texts = read_image_folder(own, None).texts
    assert {"cb", "ca", "cca"} < set(texts)


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "gif", "bmp", "webp"])
def test_every_documented_format_is_read(tmp_path: Path, suffix: str) -> None:
    folder = fill(tmp_path / "own")
    Image.new("L", (40, 20), 77).save(folder / f"cc_1.{suffix}")
    own = read_image_folder(folder, None)
    image = own.images[own.texts.index("cc")]
    assert np.abs(image.astype(int) - 77).max() <= 2


def test_other_files_are_ignored(own: Path) -> None:
    for name in ("ab_1.txt", "ab_2.png.part", "README", ".DS_Store", "ab_3.svg"):
        (own / name).write_text("not an image")
    (own / "nested").mkdir()
    assert len(read_image_folder(own, None)) == 120


def test_the_most_common_size_is_that_of_the_captchas(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=130)
    for i in range(40):
        Image.new("L", (80, 40), i).save(folder / f"aa_{i}.png")
    own = read_image_folder(folder, None)
    assert (own.spec.width, own.spec.height) == (40, 20)
    assert own.images.shape == (170, 20, 40)


def test_the_size_is_the_most_common_one_of_all_images(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=110)
    rng = np.random.default_rng(3)
    for i in range(100):
        pixels = rng.integers(0, 255, (40, 80), dtype=np.uint8)
        # The first in the order of the file names.
        Image.fromarray(pixels).save(folder / f"aa_{i}.png")
    own = read_image_folder(folder, None)
    assert (own.spec.width, own.spec.height) == (40, 20)


def test_the_digest_of_an_image_is_the_sha_256_of_its_pixels(own: Path) -> None:
    folder = read_image_folder(own, None)
    assert folder.digests == [hashlib.sha256(i.tobytes()).digest() for i in folder.images]


def test_the_fingerprint_is_that_of_the_sorted_labels_and_digests() -> None:
    images = np.arange(3, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 20, 40), "u1")
    folder = ImageFolder(SPEC, images, ["ba", "ab", "ab"])
    lines = sorted(
        f"{text} {hashlib.sha256(image.tobytes()).hexdigest()}"
        for text, image in zip(folder.texts, images, strict=True)
    )
    expected = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert folder.fingerprint == expected[:16]
    swapped = ImageFolder(SPEC, images[::-1].copy(), ["ab", "ab", "ba"])
    assert swapped.fingerprint == folder.fingerprint


def test_other_pixels_or_labels_change_the_fingerprint_but_other_names_do_not(own: Path) -> None:
    first = read_image_folder(own, None).fingerprint
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert read_image_folder(own, None).fingerprint == first
    (own / "ab_0.png").rename(own / "ab_zzz.png")
    assert read_image_folder(own, None).fingerprint == first
    (own / "ab_zzz.png").rename(own / "ba_0.png")
    relabelled = read_image_folder(own, None).fingerprint
    assert relabelled != first
    Image.new("L", (40, 20)).save(own / "ba_0.png")
    assert read_image_folder(own, None).fingerprint not in {first, relabelled}


def test_an_image_folder_is_frozen() -> None:
    folder = ImageFolder(SPEC, np.zeros((1, 20, 40), np.uint8), ["ab"])
    with pytest.raises(FrozenInstanceError):
        folder.texts = []  # type: ignore[misc]


class Digested(ImageFolder):
    """An image folder whose digests start with these 8 bytes."""

    def __init__(self, starts: list[int]) -> None:
        super().__init__(SPEC, np.empty((len(starts), 20, 40), np.uint8), ["ab"] * len(starts))
        digests = [start.to_bytes(8, "big") + bytes(24) for start in starts]
        object.__setattr__(self, "digests", digests)


def test_a_tenth_is_the_test_split_a_tenth_the_validation_and_the_rest_is_trained_on() -> None:
    tenth = int(0.1 * 2**64)  # exact, as is its double
    below = 2**32  # more than the rounding of a float, and less than a millionth
    starts = [0, tenth - below, tenth, 2 * tenth - below, 2 * tenth, 2**64 - 1]
    rows = Digested(starts).split()
    assert {name: split.tolist() for name, split in rows.items()} == {
        "test": [0, 1],
        "validation": [2, 3],
        "train": [4, 5],
    }


def test_the_first_eight_bytes_decide() -> None:
    assert Digested([2**63]).split()["train"].tolist() == [0]
    assert Digested([0x80]).split()["test"].tolist() == [0]


def pixels_to_split(folder: ImageFolder) -> dict[bytes, str]:
    return {
        folder.images[row].tobytes(): name
        for name, rows in folder.split().items()
        for row in rows.tolist()
    }


def test_an_image_stays_in_its_split_when_copies_and_other_images_are_added(
    tmp_path: Path,
) -> None:
    folder = fill(tmp_path / "own", count=400)
    before = read_image_folder(folder, None)
    rows = [row for rows in before.split().values() for row in rows.tolist()]
    assert sorted(rows) == list(range(400))
    counts = {name: len(rows) for name, rows in before.split().items()}
    assert 280 < counts["train"] < 360
    assert min(counts.values()) > 15
    splits = pixels_to_split(before)
    for path in sorted(folder.iterdir())[:50]:
        (folder / f"{path.stem}copy.png").write_bytes(path.read_bytes())
    Image.new("L", (40, 20)).save(folder / "cc_new.png")
    after = read_image_folder(folder, None)
    assert sum(map(len, after.split().values())) == 401
    again = pixels_to_split(after)
    assert len(again) == 401
    assert splits.items() <= again.items()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xy_1.png", "xy_1.png: text contains 'xy', which is not in the charset 'abc'"),
        ("a_1.png", "a_1.png: text has 1 characters, a captcha here has 2 to 3"),
        ("abca_1.png", "abca_1.png: text has 4 characters, a captcha here has 2 to 3"),
    ],
)
def test_a_label_that_does_not_match_the_spec_is_named(own: Path, name: str, message: str) -> None:
    Image.new("L", (40, 20)).save(own / name)
    with pytest.raises(ImageFolderError, match=f"^{re.escape(message)}"):
        read_image_folder(own, SPEC)


def test_a_file_that_is_not_an_image_is_named(own: Path) -> None:
    (own / "cab_bad.png").write_bytes(b"hello")
    with pytest.raises(ImageFolderError, match=r"^cab_bad\.png: "):
        read_image_folder(own, SPEC)


def test_a_file_that_is_not_an_image_is_named_when_the_size_is_inferred(own: Path) -> None:
    (own / "aa_bad.png").write_bytes(b"hello")
    with pytest.raises(ImageFolderError, match=r"^aa_bad\.png is not an image: cannot identify"):
        read_image_folder(own, None)


@pytest.mark.parametrize("spec", [SPEC, None])
def test_a_header_that_claims_too_many_pixels_is_named(own: Path, spec: CaptchaSpec | None) -> None:
    (own / "aa_0.png").write_bytes(png_that_claims(20_000, 20_000))
    with pytest.raises(ImageFolderError, match=r"^aa_0\.png"):
        read_image_folder(own, spec)


def test_images_that_are_too_large_for_captchas_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for i in range(100):
        Image.new("L", (1200, 400), i).save(folder / f"ab_{i}.png")
    message = f"^the images in {folder} are not valid captchas: width must be an integer from 16"
    with pytest.raises(ImageFolderError, match=message):
        read_image_folder(folder, None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a b_1.png", "charset contains ' ': a label can only contain printable ASCII"),
        ("._ab_1.png", "charset contains '.': a label"),
        ("abcabcabcabcabcabc_1.png", "length must be an integer from 1 to 16, not 18"),
    ],
)
def test_a_file_name_that_is_no_valid_label_is_named(own: Path, name: str, reason: str) -> None:
    Image.new("L", (40, 20)).save(own / name)
    with pytest.raises(ImageFolderError, match=f"^{re.escape(f'{name}: {reason}')}"):
        read_image_folder(own, None)


@pytest.mark.parametrize(
    ("original", "copy", "names"),
    [
        ("abc_1.png", "cc_copy.png", "abc_1.png and cc_copy.png"),
        ("ab_0.png", "abB_copy.png", "abB_copy.png and ab_0.png"),
    ],
)
def test_an_image_with_two_labels_is_an_error_that_names_both_files(
    own: Path, original: str, copy: str, names: str
) -> None:
    (own / copy).write_bytes((own / original).read_bytes())
    message = f"^{names} are the same image with two labels$"
    with pytest.raises(ImageFolderError, match=message):
        read_image_folder(own, None)


def test_a_file_name_without_a_label_is_named(own: Path) -> None:
    Image.new("L", (40, 20)).save(own / "_1.png")
    with pytest.raises(ImageFolderError, match=r"^_1\.png: the label before the _ is missing$"):
        read_image_folder(own, None)


def test_a_folder_that_does_not_exist_or_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(ImageFolderError, match=f"^{tmp_path / name} is not a directory$"):
            read_image_folder(tmp_path / name, None)


def test_a_hundred_different_images_are_enough(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=100)
    assert len(read_image_folder(folder, None)) == 100
    next(folder.iterdir()).unlink()
    formats = ".png, .jpg, .jpeg, .gif, .bmp, .webp"
    message = f"{folder} contains 99 images ({formats}), at least 100 are needed"
    with pytest.raises(ImageFolderError, match=f"^{re.escape(message)}$"):
        read_image_folder(folder, None)


def test_copies_of_an_image_do_not_count(tmp_path: Path) -> None:
    folder = fill(tmp_path / "own", count=99)
    first = (folder / "ab_0.png").read_bytes()
    for i in range(50):
        (folder / f"ab_copy{i}.png").write_bytes(first)
    message = f"^{folder} contains 99 different images, at least 100 are needed$"
    with pytest.raises(ImageFolderError, match=message):
        read_image_folder(folder, None)
    Image.new("L", (40, 20)).save(folder / "cc_new.png")
    read = read_image_folder(folder, None)
    assert (len(read), read.copies) == (100, 50)
    assert len(set(read.digests)) == 100


def test_the_size_of_a_turned_photo_is_that_of_the_upright_one(tmp_path: Path) -> None:
    turned, exif = Image.new("L", (20, 40)), Image.Exif()
    for orientation, size in ((1, (20, 40)), (3, (20, 40)), (6, (40, 20)), (8, (40, 20))):
        exif[0x0112] = orientation
        turned.save(tmp_path / "a.jpg", exif=exif)
        assert read_size(tmp_path / "a.jpg") == size


def images_of_fraction(low: float, high: float, count: int) -> list[npt.NDArray[np.uint8]]:
    """Return images whose digests are at these fractions of all digests."""
    found = []
    for number in range(100_000):
        image = np.zeros((20, 40), np.uint8)
        image[0, :4] = np.frombuffer(number.to_bytes(4, "big"), np.uint8)
        digest = hashlib.sha256(image.tobytes()).digest()
        if low <= int.from_bytes(digest[:8], "big") / 2**64 < high:
            found.append(image)
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("held_out", [0, 1])
def test_every_split_needs_an_image(tmp_path: Path, held_out: int) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    images = images_of_fraction(0.1, 1.0, 120) + images_of_fraction(0.0, 0.1, held_out)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"ab_{i}.png")
    if held_out:
        assert len(read_image_folder(folder, None).split()["test"]) == 1
    else:
        message = (
            rf"^the test split got no image of {folder} \(.* hash of their pixels\); add images$"
        )
        with pytest.raises(ImageFolderError, match=message):
            read_image_folder(folder, None)
