"""Pictures that try a decoder."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 160, height: int = 60) -> Image.Image:
    """RGB, every pixel different from its neighbours."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (160, 60), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_that_claims(width: int, height: int) -> bytes:
    """A valid header of a huge picture and hardly any pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(png_chunk(kind, data) for kind, data in chunks)


def png_with_baggage(megabytes: int) -> bytes:
    """A good captcha between compressed texts that unpack to a megabyte each."""
    picture = encoded(gradient())
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    header_end = len(PNG_SIGNATURE) + 25
    return picture[:header_end] + megabytes * text + picture[header_end:]


def jpeg_of_many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated; each repaints the whole picture."""
    picture = encoded(Image.effect_noise((1600, 600), 90).convert("L"), "jpeg", progressive=True)
    last = picture.rindex(b"\xff\xda")
    return picture[:-2] + scans * picture[last:-2] + picture[-2:]


def interlaced(image: Image.Image) -> bytes:
    """A PNG in seven passes (Adam7), which Pillow reads but does not write."""
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
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(png_chunk(kind, data) for kind, data in chunks)
