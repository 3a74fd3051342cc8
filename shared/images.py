"""Bytes -> grey pixels: the only decoder in the house, safe on hostile input.

Errors, all ImageError:
    ImageError
    |- UnreadableImage   not an image, a format not accepted, or damaged
    |- AnimatedImage     more than one frame
    |- ImageTooLarge     more pixels than anything we could be asked to read
    `- WrongImageSize    another shape than the captchas the model knows
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from shared.spec import CaptchaSpec

# Named one by one: the first image in a format that Pillow has not met makes it load its readers
# of forty others, 70 ms in the middle of a request.
_READERS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    WebPImagePlugin.WebPImageFile,
)
ACCEPTED_FORMATS = tuple(reader.format for reader in _READERS)
MAX_PIXELS = 1_000_000
# An image whose width/height differs from the spec's by less than this is scaled.
ASPECT_TOLERANCE = 0.1

# A progressive grey JPEG from Pillow has 6.
MAX_JPEG_SCANS = 100
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bit depth, colour type, compression, filter and interlace of a header -> mode of Pillow.
_PLAIN_MODES = {bytes((8, 0, 0, 0, 0)): "L", bytes((8, 2, 0, 0, 0)): "RGB"}
# Header, palette, transparency, pixels, end; acTL tells an animation, eXIf the rotation.
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"eXIf"))

GreyImage = npt.NDArray[np.uint8]

# Pillow warns with numbers out of the file, and Python keeps every text it has warned of, to say
# it once: each upload with a new number would cost a log line and memory for good.
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(ValueError):
    """An image that cannot be taken; the text says why in one sentence."""


class UnreadableImage(ImageError):
    """Not an image, a format not accepted, or damaged."""


class AnimatedImage(ImageError):
    """More than one frame."""


class ImageTooLarge(ImageError):
    """More than MAX_PIXELS pixels."""


class WrongImageSize(ImageError):
    """Not the size of the spec, and too far from its shape to be scaled."""


def decode_image(data: bytes, spec: CaptchaSpec) -> GreyImage:
    """Grey pixels of an encoded image, uint8 (height, width) of the spec.

    Transparent parts are seen on white, EXIF rotation is applied, and an image of another
    size but nearly the same shape is scaled. Raises an ImageError.
    """
    try:
        return _decode(data, spec)
    except ImageError:
        raise
    except Exception as error:
        # Pillow's plugins raise OSError, SyntaxError, ValueError, struct.error, EOFError and
        # more on damaged files; none of them may become anything but "this image is damaged".
        kind = type(error).__name__
        raise UnreadableImage(f"the image is damaged or cut off ({kind})") from error


def _decode(data: bytes, spec: CaptchaSpec) -> GreyImage:
    if data.startswith(_PNG_SIGNATURE):
        chunks = _png_chunks(data)
        if _is_plain(chunks):
            return _fit(_unpack_plain(chunks), spec)
        # Only what makes the picture: the rest can unpack to many times the size of the file.
        data = _PNG_SIGNATURE + b"".join(chunk.whole for chunk in chunks)
    elif data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        # Each scan repaints the whole picture: a megabyte of them takes a minute.
        raise UnreadableImage(f"the JPEG has more than {MAX_JPEG_SCANS} scans")
    try:
        image = Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"the image has more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(f"this is not an image in {', '.join(ACCEPTED_FORMATS)}") from error
    with image:
        # The header tells the size; nothing has been unpacked yet.
        _check_size(image.width, image.height)
        if getattr(image, "n_frames", 1) > 1:
            raise AnimatedImage("the image is animated; send a single picture")
        grey = to_grey(ImageOps.exif_transpose(image))
    return _fit(grey, spec)


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        # Without pixels it can still claim a billion rows, each of which costs memory.
        raise UnreadableImage(f"the image is {width}x{height}: it has no pixels")
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"the image has {width}x{height} pixels, more than the {MAX_PIXELS:,} accepted"
        )


class _Chunk(NamedTuple):
    """A part of a PNG, its CRC-32 checked."""

    kind: bytes
    content: bytes
    whole: bytes


def _png_chunks(data: bytes) -> list[_Chunk]:
    """The chunks of a PNG that make its picture, each checked against its CRC-32.

    Pillow does not check the CRC of pixels, so that a damaged captcha would be read as another
    one. Chunk layout: PNG specification, section 5.
    """
    chunks = []
    position = len(_PNG_SIGNATURE)
    while position < len(data):
        header = data[position : position + 8]
        if len(header) < 8:
            break
        end = position + 12 + int.from_bytes(header[:4])
        kind = header[4:]
        if kind in _PNG_CHUNKS:
            if end > len(data):
                raise UnreadableImage("the image is cut off")
            crc = int.from_bytes(data[end - 4 : end])
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != crc:
                raise UnreadableImage(f"the image is damaged in its {kind.decode()} chunk")
            chunks.append(_Chunk(kind, data[position + 8 : end - 4], data[position:end]))
        position = end
        if kind == b"IEND":
            return chunks
    raise UnreadableImage("the image is cut off")


def _is_plain(chunks: Sequence[_Chunk]) -> bool:
    """Whether nothing but 8-bit grey or RGB pixels in reading order makes the picture.

    So are captchas, and of these the way around Pillow's own reader of PNG saves a fifth of the
    time. Header layout: PNG specification, section 11.2.1.
    """
    kinds = [chunk.kind for chunk in chunks]
    return (
        kinds == [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]
        and len(chunks[0].content) == 13
        and chunks[0].content[8:] in _PLAIN_MODES
    )


def _unpack_plain(chunks: Sequence[_Chunk]) -> GreyImage:
    header = chunks[0].content
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    _check_size(width, height)
    mode = _PLAIN_MODES[header[8:]]
    packed = b"".join(chunk.content for chunk in chunks[1:-1])
    return to_grey(Image.frombytes(mode, (width, height), packed, "zip", mode))


def to_grey(image: Image.Image) -> GreyImage:
    """Grey pixels uint8 (height, width): Y' = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit values to 255 instead of scaling them.
        wide = np.asarray(image).astype(np.int64)
        wide[wide == image.info.get("transparency", -1)] = 65535
        return np.clip(wide // 257, 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))


def _fit(grey: GreyImage, spec: CaptchaSpec) -> GreyImage:
    height, width = grey.shape
    if (width, height) == (spec.width, spec.height):
        return grey
    stretch = (width / height) / (spec.width / spec.height)
    if not 1 - ASPECT_TOLERANCE <= stretch <= 1 + ASPECT_TOLERANCE:
        raise WrongImageSize(
            f"the image is {width}x{height}; expected {spec.width}x{spec.height} or that shape"
        )
    resized = Image.fromarray(grey).resize((spec.width, spec.height), Image.Resampling.BICUBIC)
    return np.asarray(resized)
