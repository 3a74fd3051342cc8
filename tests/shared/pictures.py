"""The former name of `encoded_images`, until the last test imports the new one."""

from tests.shared.encoded_images import (
    PNG_SIGNATURE,
    animated,
    encoded,
    gradient,
    interlaced,
    jpeg_of_many_scans,
    png_chunk,
    png_that_claims,
)
from tests.shared.encoded_images import png_with_text_chunks as png_with_baggage

__all__ = [
    "PNG_SIGNATURE",
    "animated",
    "encoded",
    "gradient",
    "interlaced",
    "jpeg_of_many_scans",
    "png_chunk",
    "png_that_claims",
    "png_with_baggage",
]
