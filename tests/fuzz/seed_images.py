"""Images that the fuzzers start from."""

from __future__ import annotations

import struct

from PIL import Image

from tests.shared.encoded_images import (
    animated,
    encoded,
    gradient,
    interlaced,
    jpeg_of_many_scans,
    png_that_claims,
    png_with_text_chunks,
)

WIDTH, HEIGHT = 160, 60
MAX_BYTES = 50_000  # several times a captcha; larger inputs only slow the fuzzer down


def encode_seed_images() -> list[bytes]:
    """Return images in every accepted format, with every encoder option of Pillow."""
    rgb = gradient()
    grey = rgb.convert("L")
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    translucent = rgb.copy()
    translucent.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated by 90 degrees
    rotated = rgb.transpose(Image.Transpose.ROTATE_90)
    small = Image.new("L", (80, 30), 200)
    return [
        *(encoded(image) for image in (rgb, grey, palette, translucent, small, rgb.convert("1"))),
        encoded(rgb.convert("LA")),
        encoded(grey.convert("I;16")),
        encoded(grey, transparency=128),
        encoded(palette, transparency=bytes(range(64))),
        encoded(rotated, exif=exif),
        interlaced(rgb),
        *(encoded(image, "jpeg") for image in (rgb, grey, rgb.convert("CMYK"))),
        encoded(rgb, "jpeg", progressive=True, subsampling=2, restart_marker_rows=1),
        encoded(rotated, "jpeg", exif=exif),
        *(encoded(image, "gif") for image in (grey, palette, small)),
        encoded(grey, "gif", interlace=0),
        encoded(palette, "gif", transparency=3),
        *(encoded(image, "bmp") for image in (rgb, grey, palette, translucent, rgb.convert("1"))),
        _encode_run_length_bmp(),
        encoded(rgb, "webp"),
        encoded(translucent, "webp", lossless=True),
        encoded(rotated, "webp", exif=exif),
        *(animated(kind) for kind in ("png", "gif", "webp")),
        png_that_claims(20_000, 20_000),
        png_with_text_chunks(2),
        jpeg_of_many_scans(0)[:MAX_BYTES],
        encoded(Image.new("L", (HEIGHT, WIDTH))),
    ]


def _encode_run_length_bmp() -> bytes:
    """Return a BMP with run-length encoding (BI_RLE8), which Pillow can decode but not encode."""
    plain = encoded(Image.new("P", (WIDTH, HEIGHT)), "bmp")
    start = int.from_bytes(plain[10:14], "little")
    rows = bytes([WIDTH, 7, 0, 0]) * HEIGHT + b"\0\1"
    header = bytearray(plain[:start])
    header[30:34] = struct.pack("<I", 1)
    header[34:38] = struct.pack("<I", len(rows))
    return bytes(header) + rows
