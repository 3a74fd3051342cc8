"""Image decoding: encoded bytes to grey pixels. The only decoder, safe on hostile input.

ImageError
├── UnreadableImage   not an image, an unsupported format, or damaged
├── AnimatedImage     more than one frame
└── ImageTooLarge     more than MAX_PIXELS pixels
"""

from __future__ import annotations

import io
import warnings
import zlib

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

from shared.captchas.spec import CaptchaSpec

# Importing the plugins here registers them. Otherwise the first image of an unknown format makes
# Pillow import forty plugins, 70 ms in the middle of a request.
_PLUGINS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    WebPImagePlugin.WebPImageFile,
)
ACCEPTED_FORMATS = tuple(plugin.format for plugin in _PLUGINS)
MAX_PIXELS = 1_000_000
# An image is stretched if its aspect ratio differs from the spec's by no more than this fraction,
# and padded otherwise.
ASPECT_TOLERANCE = 0.1

# A progressive grey JPEG from Pillow has 6.
MAX_JPEG_SCANS = 100
# One segment of a JPEG; a megabyte takes a second to parse.
MAX_EXIF_BYTES = 65_536
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Header, palette, transparency, pixels, end, animation control, and EXIF for the rotation.
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"eXIf"))

GreyImage = npt.NDArray[np.uint8]
"""Grey pixels, uint8 (height, width), 0 black to 255 white."""

# Pillow's warnings contain numbers from the file, and Python stores each distinct warning. Every
# upload with a new number would cost memory and a log line.
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(ValueError):
    """An image that is rejected; the message says why."""


class UnreadableImage(ImageError):
    """Not an image, an unsupported format, or damaged."""


class AnimatedImage(ImageError):
    """More than one frame."""


class ImageTooLarge(ImageError):
    """More than MAX_PIXELS pixels."""


def decode_image(data: bytes, spec: CaptchaSpec) -> GreyImage:
    """Return the grey pixels of an encoded image, uint8 (height, width) of the spec.

    Transparent pixels are composited onto white and the EXIF rotation is applied. An image of
    another size is scaled. If its aspect ratio differs by more than ASPECT_TOLERANCE, it keeps it,
    and is padded with the median grey of its border.

    Raises:
        ImageError: if the image is rejected.
    """
    try:
        return _decode(data, spec)
    except ImageError:
        raise
    except Exception as error:
        # Pillow's plugins raise OSError, SyntaxError, ValueError, struct.error, EOFError and
        # others on damaged files.
        kind = type(error).__name__
        raise UnreadableImage(f"the image is damaged or truncated ({kind})") from error


def _decode(data: bytes, spec: CaptchaSpec) -> GreyImage:
    if data.startswith(_PNG_SIGNATURE):
        data = _check_png(data)
    elif data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        # Each scan repaints the whole image: decoding a megabyte of scans takes a minute.
        raise UnreadableImage(f"the JPEG has more than {MAX_JPEG_SCANS} scans")
    try:
        image = Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"the image has more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        formats = ", ".join(ACCEPTED_FORMATS)
        raise UnreadableImage(f"the file is not an image in {formats}") from error
    with image:
        # The size is in the header; nothing has been decompressed yet.
        if image.width * image.height > MAX_PIXELS:
            raise ImageTooLarge(
                f"the image has {image.width}x{image.height} pixels,"
                f" more than the {MAX_PIXELS:,} accepted"
            )
        # Some cameras append a preview to a JPEG (MPO); Pillow counts it as a second frame.
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise AnimatedImage("the image is animated; send a single frame")
        _check_exif_size(len(image.info.get("exif", b"")))
        grey = to_grey(ImageOps.exif_transpose(image))
    return fit_size(grey, spec)


def _check_exif_size(size: int) -> None:
    if size > MAX_EXIF_BYTES:
        raise UnreadableImage(f"the EXIF data has more than {MAX_EXIF_BYTES:,} bytes")


def _check_png(data: bytes) -> bytes:
    """Return a PNG reduced to the chunks that affect the image, each with a correct CRC-32.

    Pillow does not check the CRC of pixel data and would decode a damaged captcha as another one.
    Other chunks can decompress to many times the size of the file. Chunk layout: PNG
    specification, section 5.
    """
    kept = [_PNG_SIGNATURE]
    position = len(_PNG_SIGNATURE)
    while position + 8 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if kind in _PNG_CHUNKS:
            if end > len(data):
                break
            crc = int.from_bytes(data[end - 4 : end])
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != crc:
                raise UnreadableImage(f"the image is damaged in its {kind.decode()} chunk")
            if kind == b"eXIf":
                _check_exif_size(end - position - 12)  # Pillow can read it after the pixels
            if kind == b"IHDR" and len(kept) > 1:
                # Pillow would use the size in the last one.
                raise UnreadableImage("the image is damaged: an IHDR chunk follows other chunks")
            kept.append(data[position:end])
        if kind == b"IEND":
            return b"".join(kept)
        position = end
    raise UnreadableImage("the image is truncated")


def to_grey(image: Image.Image) -> GreyImage:
    """Return grey pixels, uint8 (height, width).

    The luma of ITU-R BT.601: Y' = 0.299 R + 0.587 G + 0.114 B.
    """
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit values to 255 instead of scaling them.
        values = np.asarray(image).astype(np.int64)
        values[values == image.info.get("transparency", -1)] = 65535
        return np.clip(values // 257, 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))


def fit_size(grey: GreyImage, spec: CaptchaSpec) -> GreyImage:
    """Scale grey pixels to the size of a spec; pad them if the aspect ratio differs.

    uint8 (any height, any width) -> uint8 (height, width) of the spec.
    """
    height, width = grey.shape
    if (width, height) == (spec.width, spec.height):
        return grey
    stretch = (width / height) / (spec.width / spec.height)
    if 1 - ASPECT_TOLERANCE <= stretch <= 1 + ASPECT_TOLERANCE:
        return _resize(grey, spec.width, spec.height)
    scale = min(spec.width / width, spec.height / height)
    # A side of a very long image would round to 0.
    scaled = _resize(grey, max(1, round(width * scale)), max(1, round(height * scale)))
    return _pad(scaled, spec)


def _resize(grey: GreyImage, width: int, height: int) -> GreyImage:
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BICUBIC))


def _pad(grey: GreyImage, spec: CaptchaSpec) -> GreyImage:
    """Centre an image that is not larger than the spec on the median grey of its border."""
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    padded = np.full((spec.height, spec.width), int(np.median(border)), np.uint8)
    height, width = grey.shape
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    padded[top : top + height, left : left + width] = grey
    return padded
