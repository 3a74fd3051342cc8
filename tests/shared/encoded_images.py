"""Encoded images for tests of the decoder: ordinary, unusual and hostile ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The signature and the IHDR chunk: length, type, 13 bytes and CRC.
PNG_HEADER_BYTES = len(PNG_SIGNATURE) + 25


def encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    """Return the image in a file format of Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 160, height: int = 60) -> Image.Image:
    """Return an RGB image in which every pixel differs from its neighbours."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def animated(kind: str) -> bytes:
    """Return an image of three frames."""
    frames = [Image.new("RGB", (160, 60), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk: length, type, data and CRC-32."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width: int, height: int, pixels: bytes, *, interlace: int = 0) -> bytes:
    """Return an 8-bit RGB PNG with these bytes, already compressed, as its pixel data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(png_chunk(kind, data) for kind, data in chunks)


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """Return a PNG with one more chunk directly after its header."""
    return png[:PNG_HEADER_BYTES] + png_chunk(kind, data) + png[PNG_HEADER_BYTES:]


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size and that contains 1,000 bytes of pixels."""
    return png_of(width, height, zlib.compress(bytes(1000)))


def png_with_text_chunks(megabytes: int) -> bytes:
    """Return a valid captcha with compressed text chunks that decompress to a megabyte each."""
    png = encoded(gradient())
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png[:PNG_HEADER_BYTES] + megabytes * text + png[PNG_HEADER_BYTES:]


def jpeg_of_many_scans(scans: int) -> bytes:
    """Return a progressive JPEG with its last scan repeated; each repaints the whole image."""
    jpeg = encoded(Image.effect_noise((1600, 600), 90).convert("L"), "jpeg", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + scans * jpeg[last:-2] + jpeg[-2:]


def interlaced(image: Image.Image) -> bytes:
    """Return a PNG in seven passes (Adam7), which Pillow can decode but not encode."""
    pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    rows = b""
    # Start and step of each pass: PNG specification, section 8.2.
    for y, x, dy, dx in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):  # fmt: skip
        part = pixels[y::dy, x::dx]
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    return png_of(width, height, zlib.compress(rows), interlace=1)
