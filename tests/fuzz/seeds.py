"""The pictures that the fuzzers start from."""

from __future__ import annotations

import struct

from PIL import Image

from tests.shared.pictures import (
    animated,
    encoded,
    gradient,
    interlaced,
    jpeg_of_many_scans,
    png_that_claims,
    png_with_baggage,
)

WIDTH, HEIGHT = 160, 60
MAX_BYTES = 50_000  # far above any captcha; larger inputs only make the mutations fewer


def seeds() -> list[bytes]:
    """Pictures in every format accepted and in every manner that Pillow can write."""
    rgb = gradient()
    grey = rgb.convert("L")
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    see_through = rgb.copy()
    see_through.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned = rgb.transpose(Image.Transpose.ROTATE_90)
    small = Image.new("L", (80, 30), 200)
    return [
        *(encoded(image) for image in (rgb, grey, palette, see_through, small, rgb.convert("1"))),
        encoded(rgb.convert("LA")),
        encoded(grey.convert("I;16")),
        encoded(grey, transparency=128),
        encoded(palette, transparency=bytes(range(64))),
        encoded(turned, exif=exif),
        interlaced(rgb),
        *(encoded(image, "jpeg") for image in (rgb, grey, rgb.convert("CMYK"))),
        encoded(rgb, "jpeg", progressive=True, subsampling=2, restart_marker_rows=1),
        encoded(turned, "jpeg", exif=exif),
        *(encoded(image, "gif") for image in (grey, palette, small)),
        encoded(grey, "gif", interlace=0),
        encoded(palette, "gif", transparency=3),
        *(encoded(image, "bmp") for image in (rgb, grey, palette, see_through, rgb.convert("1"))),
        run_length_bmp(),
        encoded(rgb, "webp"),
        encoded(see_through, "webp", lossless=True),
        encoded(turned, "webp", exif=exif),
        *(animated(kind) for kind in ("png", "gif", "webp")),
        png_that_claims(20_000, 20_000),
        png_with_baggage(2),
        jpeg_of_many_scans(0)[:MAX_BYTES],
        encoded(Image.new("L", (HEIGHT, WIDTH))),
    ]


def run_length_bmp() -> bytes:
    """256 colours in runs (BI_RLE8), which Pillow reads and does not write."""
    plain = encoded(Image.new("P", (WIDTH, HEIGHT)), "bmp")
    start = int.from_bytes(plain[10:14], "little")
    lines = bytes([WIDTH, 7, 0, 0]) * HEIGHT + b"\0\1"
    header = bytearray(plain[:start])
    header[30:34] = struct.pack("<I", 1)
    header[34:38] = struct.pack("<I", len(lines))
    return bytes(header) + lines
