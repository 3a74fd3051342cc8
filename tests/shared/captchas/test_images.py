"""Decoding: accepted formats give exact pixels, everything else gets a clear error."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from shared.captchas.images import (
    ACCEPTED_FORMATS,
    MAX_JPEG_SCANS,
    MAX_PIXELS,
    AnimatedImage,
    ImageError,
    ImageTooLarge,
    UnreadableImage,
    decode_image,
    to_grey,
)
from shared.captchas.spec import CaptchaSpec
from tests.shared.encoded_images import (
    PNG_HEADER_BYTES,
    PNG_SIGNATURE,
    animated,
    encoded,
    gradient,
    interlaced,
    jpeg_of_many_scans,
    png_chunk,
    png_of,
    png_that_claims,
    png_with_text_chunks,
    with_chunk,
)

SPEC = CaptchaSpec()


def fails_with(data: bytes, kind: type[ImageError], spec: CaptchaSpec = SPEC) -> str:
    """Return the message with which decoding fails."""
    with pytest.raises(ImageError) as caught:
        decode_image(data, spec)
    assert type(caught.value) is kind
    return str(caught.value)


def test_the_limits_are_the_documented_ones() -> None:
    assert ACCEPTED_FORMATS == ("PNG", "JPEG", "GIF", "BMP", "WEBP")
    assert (MAX_PIXELS, MAX_JPEG_SCANS) == (1_000_000, 100)
    assert all(
        issubclass(kind, ImageError) for kind in (UnreadableImage, AnimatedImage, ImageTooLarge)
    )
    assert issubclass(ImageError, ValueError)


# Colours and grey levels


def test_grey_is_the_bt601_luma_of_the_course() -> None:
    rgb = np.asarray(gradient()).astype(float)
    expected = rgb @ [0.299, 0.587, 0.114]
    grey = decode_image(encoded(gradient()), SPEC)
    assert grey.shape == (60, 160)
    assert grey.dtype == np.uint8
    assert np.abs(grey - expected).max() <= 0.51


@pytest.mark.parametrize(
    ("colour", "expected"),
    [("red", 76), ("lime", 150), ("blue", 29), ("white", 255), ("black", 0)],
)
def test_known_colours_have_their_known_grey(colour: str, expected: int) -> None:
    grey = to_grey(Image.new("RGB", (3, 2), colour))
    assert (grey == np.full((2, 3), expected)).all()


def test_grey_images_keep_their_values() -> None:
    levels = np.arange(60 * 160, dtype=np.uint32).astype(np.uint8).reshape(60, 160)
    assert np.array_equal(decode_image(encoded(Image.fromarray(levels)), SPEC), levels)


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "webp", "jpeg"])
def test_each_accepted_format_is_decoded(kind: str) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    grey = decode_image(encoded(gradient(), kind, **options), SPEC)
    lossy = kind in ("jpeg", "gif")
    assert np.abs(grey.astype(int) - to_grey(gradient())).mean() < (6 if lossy else 0.01)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_each_colour_mode_of_png_gives_the_same_image(mode: str) -> None:
    page = Image.new("RGB", (160, 60), "white")
    page.paste("black", (20, 10, 60, 50))
    grey = decode_image(encoded(page.convert(mode)), SPEC)
    assert np.array_equal(grey, to_grey(page))


def test_a_palette_with_colours_is_converted_by_its_colours() -> None:
    image = Image.new("P", (160, 60), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert (decode_image(encoded(image), SPEC) == 76).all()


def test_an_interlaced_png_gives_the_same_image() -> None:
    image = gradient()
    assert (decode_image(interlaced(image), SPEC) == decode_image(encoded(image), SPEC)).all()


def test_16_bit_grey_is_scaled_by_257() -> None:
    levels = np.full((60, 160), 65535, np.uint16)
    levels[0, :6] = [0, 256, 257, 514, 32768, 65534]
    grey = decode_image(encoded(Image.fromarray(levels)), SPEC)
    assert grey[0, :7].tolist() == [0, 0, 1, 2, 127, 254, 255]
    assert grey.dtype == np.uint8


def test_values_outside_16_bits_are_clipped() -> None:
    levels = np.array([[-257, 257, 65535 + 257 * 2]], np.int32)
    assert to_grey(Image.fromarray(levels)).tolist() == [[0, 1, 255]]


def test_cmyk_jpeg_is_decoded_as_its_colours() -> None:
    red = Image.new("RGB", (160, 60), (200, 30, 30))
    grey = decode_image(encoded(red.convert("CMYK"), "jpeg"), SPEC)
    assert abs(int(grey[30, 80]) - int(to_grey(red)[0, 0])) <= 4


# Transparency and rotation


def test_transparent_pixels_are_composited_onto_white() -> None:
    clear = Image.new("RGBA", (160, 60), (0, 0, 0, 0))
    assert (decode_image(encoded(clear), SPEC) == 255).all()
    palette = Image.new("P", (160, 60), 0)
    assert (decode_image(encoded(palette, transparency=0), SPEC) == 255).all()


def test_half_transparent_black_is_medium_grey() -> None:
    half = Image.new("RGBA", (160, 60), (0, 0, 0, 128))
    assert (decode_image(encoded(half), SPEC) == 127).all()


def test_opaque_pixels_of_an_image_with_alpha_keep_their_colour() -> None:
    image = Image.new("RGBA", (160, 60), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    grey = decode_image(encoded(image), SPEC)
    assert grey[0, :2].tolist() == [255, 76]


def test_the_transparent_value_of_16_bit_grey_becomes_white() -> None:
    levels = np.full((60, 160), 514, np.uint16)
    levels[0, 0] = 257
    png = encoded(Image.fromarray(levels))
    grey = decode_image(with_chunk(png, b"tRNS", struct.pack(">H", 514)), SPEC)
    assert grey[0, :3].tolist() == [1, 255, 255]


@pytest.mark.parametrize(
    ("orientation", "how"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90)],
)
def test_the_exif_rotation_is_applied(orientation: int, how: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = decode_image(encoded(gradient().transpose(how), "png", exif=exif), SPEC)
    assert np.array_equal(grey, to_grey(gradient()))


# Size


@pytest.mark.parametrize("size", [(320, 120), (80, 30), (156, 60), (128, 52)])
def test_another_size_of_a_similar_aspect_ratio_is_scaled(size: tuple[int, int]) -> None:
    grey = decode_image(encoded(gradient(*size)), SPEC)
    assert grey.shape == (60, 160)
    assert np.abs(grey.astype(int) - to_grey(gradient())).mean() < 30


def test_scaling_is_bicubic() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (30, 80), np.uint8)
    expected = Image.fromarray(noise).resize((160, 60), Image.Resampling.BICUBIC)
    assert np.array_equal(decode_image(encoded(Image.fromarray(noise)), SPEC), np.asarray(expected))


@pytest.mark.parametrize("width", [90, 110])
def test_an_aspect_ratio_ten_percent_off_is_stretched(width: int) -> None:
    spec = CaptchaSpec(width=100, height=100)
    noise = np.random.default_rng(3).integers(0, 256, (100, width), np.uint8)
    expected = Image.fromarray(noise).resize((100, 100), Image.Resampling.BICUBIC)
    grey = decode_image(encoded(Image.fromarray(noise)), spec)
    assert np.array_equal(grey, np.asarray(expected))


@pytest.mark.parametrize(("width", "left", "right"), [(89, 5, 6), (80, 10, 10)])
def test_an_image_that_is_too_narrow_is_centred_and_keeps_its_pixels(
    width: int, left: int, right: int
) -> None:
    spec = CaptchaSpec(width=100, height=100)
    noise = np.random.default_rng(3).integers(0, 256, (100, width), np.uint8)
    grey = decode_image(encoded(Image.fromarray(noise)), spec)
    assert np.array_equal(grey[:, left : 100 - right], noise)
    border = np.concatenate((noise[0], noise[-1], noise[:, 0], noise[:, -1]))
    assert (grey[:, :left] == int(np.median(border))).all()
    assert (grey[:, 100 - right :] == int(np.median(border))).all()


def test_an_image_that_is_too_low_is_scaled_to_the_width_and_centred() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (50, 320), np.uint8)
    expected = Image.fromarray(noise).resize((160, 25), Image.Resampling.BICUBIC)
    grey = decode_image(encoded(Image.fromarray(noise)), SPEC)
    assert grey.shape == (60, 160)
    assert np.array_equal(grey[17:42], np.asarray(expected))
    assert len(np.unique(grey[:17])) == len(np.unique(grey[42:])) == 1


def test_the_padding_has_the_colour_of_most_of_the_border() -> None:
    image = Image.new("L", (60, 60), 200)
    image.paste(10, (5, 5, 55, 55))
    image.paste(0, (0, 0, 20, 60))
    grey = decode_image(encoded(image), SPEC)
    assert (grey[:, :50] == 200).all()
    assert (grey[:, 110:] == 200).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (160, 1), (1, 60), (60, 160), (16, 16)])
def test_an_image_of_any_shape_is_scaled_and_padded(size: tuple[int, int]) -> None:
    grey = decode_image(encoded(Image.new("L", size, 99)), SPEC)
    assert grey.shape == (60, 160)
    assert grey.dtype == np.uint8
    assert (grey == 99).all()


@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1), (1, 1_000_000), (1_000_000, 1)])
@pytest.mark.parametrize("spec", [SPEC, CaptchaSpec(width=1000, height=16)])
def test_an_extreme_shape_is_cheap(size: tuple[int, int], spec: CaptchaSpec) -> None:
    data = encoded(Image.new("L", size, 99))
    started = time.process_time()
    grey = decode_image(data, spec)
    assert time.process_time() - started < 0.5
    assert (grey == 99).all()


def test_an_image_of_exactly_the_maximum_is_accepted() -> None:
    spec = CaptchaSpec(width=1000, height=1000)
    image = Image.new("L", (1000, 1000), 7)
    assert (decode_image(encoded(image), spec) == 7).all()
    message = fails_with(encoded(Image.new("L", (1001, 1000))), ImageTooLarge, spec)
    assert message == "the image has 1001x1000 pixels, more than the 1,000,000 accepted"


@pytest.mark.parametrize("side", [20_000, 200_000, 2**31 - 1])
def test_a_huge_image_is_rejected_by_its_header(side: int) -> None:
    with pytest.raises((ImageTooLarge, UnreadableImage)):
        decode_image(png_that_claims(side, side), SPEC)


def test_a_large_image_is_rejected_with_its_size() -> None:
    message = fails_with(png_that_claims(5_000, 2_000), ImageTooLarge)
    assert message == "the image has 5000x2000 pixels, more than the 1,000,000 accepted"
    gif = bytearray(encoded(gradient(), "gif"))
    gif[6:10] = (20_000).to_bytes(2, "little") * 2
    message = fails_with(bytes(gif), ImageTooLarge)
    assert message == "the image has more than 1,000,000 pixels"


@pytest.mark.parametrize("size", [(0, 2**29), (2**29, 0), (0, 0)])
def test_an_image_without_pixels_is_rejected_before_its_rows_are_allocated(
    size: tuple[int, int],
) -> None:
    # Found by the fuzzer: half a billion empty rows took 4 GB and 2.4 s.
    started = time.process_time()
    message = fails_with(png_that_claims(*size), UnreadableImage)
    assert message == "the file is not an image in PNG, JPEG, GIF, BMP, WEBP"
    assert time.process_time() - started < 0.5


# Animations and other files


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_an_animation_is_rejected(kind: str) -> None:
    message = fails_with(animated(kind), AnimatedImage)
    assert message == "the image is animated; send a single frame"


def test_a_jpeg_with_a_preview_is_one_image() -> None:
    image, preview = gradient(), gradient(80, 30)
    data = encoded(image, "mpo", save_all=True, append_images=[preview])
    assert np.array_equal(decode_image(data, SPEC), decode_image(encoded(image, "jpeg"), SPEC))


def test_two_frames_are_an_animation() -> None:
    frames = [Image.new("L", (160, 60), grey) for grey in (0, 255)]
    data = encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert "animated" in fails_with(data, AnimatedImage)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF89a", b"\xff\xd8\xff", b"%PDF-1.4", b"\0" * 1000]
)
def test_other_files_are_rejected(data: bytes) -> None:
    message = fails_with(data, UnreadableImage)
    assert message == "the file is not an image in PNG, JPEG, GIF, BMP, WEBP"


def test_an_image_format_that_is_not_accepted_is_rejected() -> None:
    message = fails_with(encoded(gradient(), "tiff"), UnreadableImage)
    assert message == "the file is not an image in PNG, JPEG, GIF, BMP, WEBP"


def test_other_files_do_not_import_further_plugins_of_pillow() -> None:
    program = (
        "import sys\n"
        "from shared.captchas.images import ImageError, decode_image\n"
        "from shared.captchas.spec import CaptchaSpec\n"
        "before = set(sys.modules)\n"
        "for data in (b'nothing', b'RIFF0000WEBPVP8 ', b'GIF89a', b'II*\\0'):\n"
        "    try:\n"
        "        decode_image(data, CaptchaSpec())\n"
        "    except ImageError:\n"
        "        pass\n"
        "print(sorted(m for m in set(sys.modules) - before if m.endswith('ImagePlugin')))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # Pillow preloads five plugins: four of the accepted formats, and this one.
    assert result.stdout.strip() in ("[]", "['PIL.PpmImagePlugin']")


# Damaged files


def test_a_truncated_png_is_rejected() -> None:
    png = encoded(gradient())
    for length in (len(PNG_SIGNATURE), len(png) // 2, len(png) - 12, len(png) - 1):
        assert fails_with(png[:length], UnreadableImage) == "the image is truncated", length


def test_bytes_after_the_end_of_a_png_are_ignored() -> None:
    png = encoded(gradient())
    assert np.array_equal(decode_image(png + b"more", SPEC), decode_image(png, SPEC))


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND"])
def test_a_changed_byte_of_a_png_chunk_is_rejected_with_its_type(kind: bytes) -> None:
    png = encoded(gradient())
    type_at = png.index(kind)
    length = int.from_bytes(png[type_at - 4 : type_at])
    # The first byte of the data (or of the CRC, if there is none), and the last of the CRC.
    for position in (type_at + 4, type_at + 4 + length + 3):
        damaged = bytearray(png)
        damaged[position] ^= 1
        message = fails_with(bytes(damaged), UnreadableImage)
        assert message == f"the image is damaged in its {kind.decode()} chunk"


@pytest.mark.parametrize("kind", [b"PLTE", b"tRNS", b"acTL", b"eXIf"])
def test_chunks_that_affect_the_image_need_a_correct_checksum(kind: bytes) -> None:
    png = bytearray(with_chunk(encoded(gradient()), kind, bytes(9)))
    png[png.index(kind) + 4] ^= 1
    message = fails_with(bytes(png), UnreadableImage)
    assert message == f"the image is damaged in its {kind.decode()} chunk"


def test_chunks_that_do_not_affect_the_image_may_be_damaged() -> None:
    png = bytearray(with_chunk(encoded(gradient()), b"tEXt", b"Comment\0a"))
    png[png.index(b"tEXt") + 4] ^= 1
    assert np.array_equal(decode_image(bytes(png), SPEC), to_grey(gradient()))


def test_a_chunk_without_data_before_the_end_is_no_problem() -> None:
    png = encoded(gradient())
    assert np.array_equal(decode_image(with_chunk(png, b"tEXt", b""), SPEC), to_grey(gradient()))


def test_a_png_with_a_second_header_is_rejected() -> None:
    small, large = (encoded(Image.new("L", size)) for size in ((160, 60), (1000, 1000)))
    message = fails_with(small[:PNG_HEADER_BYTES] + large[len(PNG_SIGNATURE) :], UnreadableImage)
    assert message == "the image is damaged: an IHDR chunk follows other chunks"


def test_a_png_with_too_few_pixels_is_rejected() -> None:
    rows = zlib.compress(b"".join(b"\0" + bytes(480) for _ in range(60)))
    assert (decode_image(png_of(160, 60, rows), SPEC) == 0).all()
    for pixels in (rows[: len(rows) // 2], b"", b"nonsense"):
        message = fails_with(png_of(160, 60, pixels), UnreadableImage)
        assert message.startswith("the image is damaged or truncated (")


def test_the_error_of_the_library_is_named() -> None:
    png = png_of(160, 60, b"nonsense")
    assert fails_with(png, UnreadableImage) == "the image is damaged or truncated (OSError)"


def test_no_truncation_and_no_flipped_bit_raises_another_error() -> None:
    whole = encoded(gradient())
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(300):
        data = bytearray(whole[: rng.integers(1, len(whole))])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            assert decode_image(bytes(data), SPEC).shape == (60, 160)
        except ImageError:
            rejected += 1
    assert rejected > 250


def test_a_png_with_any_changed_pixel_byte_is_rejected() -> None:
    whole = encoded(gradient())
    rng = np.random.default_rng(1)
    start, end = whole.index(b"IDAT") + 4, whole.index(b"IEND") - 8
    for position in rng.integers(start, end, size=200):
        data = bytearray(whole)
        data[position] ^= 1 << rng.integers(8)
        message = fails_with(bytes(data), UnreadableImage)
        assert message == "the image is damaged in its IDAT chunk"


# Hostile files


def test_text_chunks_of_a_png_are_not_decompressed() -> None:
    data = png_with_text_chunks(300)
    assert len(data) < 1_000_000
    tracemalloc.start()
    started = time.process_time()
    grey = decode_image(data, SPEC)
    assert time.process_time() - started < 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(grey, to_grey(gradient()))
    assert peak < 10_000_000


def exif_of(entries: int) -> bytes:
    """Return EXIF data with an orientation and as many other entries (TIFF 6.0, section 2)."""
    fields = [(0x0112, 3, 1, 6), *((1_000 + index, 4, 1, index) for index in range(entries))]
    directory = b"".join(struct.pack("<HHII", *field) for field in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + directory + bytes(4)


def with_exif(kind: str, exif: bytes) -> bytes:
    if kind == "png":
        return with_chunk(encoded(gradient()), b"eXIf", exif)
    if kind == "webp":
        return encoded(gradient(), "webp", exif=exif)
    data = encoded(gradient(), "jpeg")
    parts = [b"Exif\0\0" + exif[start : start + 60_000] for start in range(0, len(exif), 60_000)]
    return data[:2] + b"".join(jpeg_segment(part) for part in parts) + data[2:]


def jpeg_segment(payload: bytes) -> bytes:
    return b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_large_exif_data_is_rejected_before_it_is_parsed(kind: str) -> None:
    assert decode_image(with_exif(kind, exif_of(4_000)), SPEC).shape == (60, 160)
    hostile = with_exif(kind, exif_of(64_000))
    assert len(hostile) < 1_000_000
    started = time.process_time()
    message = fails_with(hostile, UnreadableImage)
    assert message == "the EXIF data has more than 65,536 bytes"
    assert time.process_time() - started < 0.5


def test_a_jpeg_with_thousands_of_exif_segments_is_decoded_fast() -> None:
    segments = 45_000 * jpeg_segment(b"Exif\0\0" + bytes(12))
    data = encoded(gradient(), "jpeg")
    started = time.process_time()
    fails_with(data[:2] + segments + data[2:], UnreadableImage)
    assert time.process_time() - started < 1


def test_a_jpeg_with_thousands_of_scans_is_rejected_without_decoding() -> None:
    assert decode_image(jpeg_of_many_scans(0), SPEC).shape == (60, 160)
    hostile = jpeg_of_many_scans(200)
    started = time.process_time()
    message = fails_with(hostile, UnreadableImage)
    assert message == "the JPEG has more than 100 scans"
    assert time.process_time() - started < 1


def test_a_jpeg_with_exactly_the_maximum_of_scans_is_decoded() -> None:
    jpeg = encoded(gradient(), "jpeg")
    present = jpeg.count(b"\xff\xda")
    # Bytes after the end marker are ignored, but count.
    filler = b"\xff\xda" * (MAX_JPEG_SCANS - present)
    assert decode_image(jpeg + filler, SPEC).shape == (60, 160)
    assert "more than 100 scans" in fails_with(jpeg + filler + b"\xff\xda", UnreadableImage)


def test_the_scan_limit_is_only_for_jpeg() -> None:
    png = encoded(gradient()) + b"\xff\xda" * (MAX_JPEG_SCANS + 1)
    assert decode_image(png, SPEC).shape == (60, 160)
    bmp = encoded(gradient(), "bmp") + b"\xff\xda" * (MAX_JPEG_SCANS + 1)
    assert decode_image(bmp, SPEC).shape == (60, 160)


def test_images_that_pillow_warns_about_leave_neither_log_lines_nor_memory() -> None:
    # A process of its own, because pytest handles warnings here.
    program = """
import PIL.Image
from shared.captchas.images import ImageTooLarge, decode_image
from shared.captchas.spec import CaptchaSpec
from tests.shared.encoded_images import png_that_claims

for height in range(9_000, 9_050):
    try:
        decode_image(png_that_claims(10_000, height), CaptchaSpec())
    except ImageTooLarge:
        pass
print(len(vars(PIL.Image).get("__warningregistry__", {})))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stderr == b""
    assert int(done.stdout) <= 1  # Python stores the version of its filters there


def test_a_png_chunk_that_claims_more_than_the_file_has_is_a_truncation() -> None:
    png = encoded(gradient())
    chunk = struct.pack(">I", 2**31 - 1) + png_chunk(b"IDAT", b"x")[4:]
    assert fails_with(png[:33] + chunk, UnreadableImage) == "the image is truncated"
    skipped = struct.pack(">I", 2**31 - 1) + png_chunk(b"tEXt", b"x")[4:]
    assert fails_with(png[:33] + skipped, UnreadableImage) == "the image is truncated"
