"""Exceptions of the generator service. Only `app.py` turns them into HTTP responses.

GeneratorError
├── FontError               a font file that cannot be used
├── VoiceError              a voice directory that cannot be used
├── UnsupportedRequest      a request that this generator cannot fulfil
│   ├── MissingRecording    a character that the audio renderer cannot speak
│   ├── UnsupportedCharset  characters outside the charset of this generator
│   ├── UnknownFont         a font that the generator does not have
│   └── IllegibleText       a text that the image or the fonts cannot show
└── ServiceUnavailable      a request that can succeed later
    ├── NotReady            the worker processes have not rendered yet
    ├── TooBusy             as many captchas wait to be rendered as the service allows
    └── TooManyDatasets     as many datasets are being streamed as the service allows
"""

from __future__ import annotations

from typing import ClassVar


class GeneratorError(Exception):
    """An error of the generator service; the message says what is wrong."""


class FontError(GeneratorError):
    """A font file that cannot be used."""


class VoiceError(GeneratorError):
    """A voice directory that cannot be used."""


class UnsupportedRequest(GeneratorError):
    """A request that this generator cannot fulfil."""


class MissingRecording(UnsupportedRequest):
    """A character that the audio renderer cannot speak."""


class UnsupportedCharset(UnsupportedRequest):
    """Characters outside the charset of this generator."""


class UnknownFont(UnsupportedRequest):
    """A font that the generator does not have."""


class IllegibleText(UnsupportedRequest):
    """A text that the image or the fonts cannot show."""


class ServiceUnavailable(GeneratorError):
    """A request that can succeed later.

    Attributes:
        retry_after_s: seconds after which the client should retry.
    """

    retry_after_s: ClassVar[int]


class NotReady(ServiceUnavailable):
    """The worker processes have not rendered yet, or failed to."""

    retry_after_s = 1


class TooBusy(ServiceUnavailable):
    """As many captchas wait to be rendered as the service allows."""

    retry_after_s = 1


class TooManyDatasets(ServiceUnavailable):
    """As many datasets are being streamed as the service allows."""

    retry_after_s = 10
