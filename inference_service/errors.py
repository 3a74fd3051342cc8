"""Exceptions of the inference service.

InferenceError
├── RequestError                 the client has to change the request
│   ├── InvalidRequest           no image, or an invalid form, JSON or base64
│   ├── InvalidRestriction       characters or lengths that the model does not predict
│   ├── RequestTimeout           the body did not arrive in time, or its images take too long
│   ├── RequestTooLarge          the body, or an image of a batch, has too many bytes
│   └── UnsupportedContentType   neither multipart nor JSON
├── Unavailable                  the client can retry later
│   ├── NoModel                  no version is active
│   ├── QueueFull                too many requests wait for a prediction
│   ├── TooManyUploads           too many bytes of request bodies are in memory
│   └── Stopping                 the replica shuts down
├── UnsupportedCaptchas          the bundled model cannot predict the generator's captchas
└── ModelError                   a version cannot be used
    ├── EngineError              the engine cannot load or run the SavedModel
    │   └── LoadInterrupted      loading took too long or was killed; it may succeed later
    └── GoldenCheckError         the engine does not reproduce the trainer's prediction

Two exceptions come from `shared`: ImageError (the image is rejected) and ArtifactError (the files
of a version are incomplete or damaged). `app.py` maps exceptions to HTTP statuses.
"""

from __future__ import annotations

from typing import ClassVar


class InferenceError(Exception):
    """Base class; the message is a sentence for the client or the log."""


class RequestError(InferenceError):
    """A request that the client has to change."""


class InvalidRequest(RequestError):
    """No image, or an invalid form, JSON or base64."""


class InvalidRestriction(RequestError):
    """Characters or lengths that the model does not predict."""


class RequestTimeout(RequestError):
    """The body did not arrive in time, or its images take too long."""


class RequestTooLarge(RequestError):
    """The body, or an image of a batch, has too many bytes."""


class UnsupportedContentType(RequestError):
    """Neither multipart nor JSON."""


class Unavailable(InferenceError):
    """A request that can succeed later."""

    retry_after_s: ClassVar[int] = 1


class NoModel(Unavailable):
    """No version is active."""

    retry_after_s: ClassVar[int] = 5


class QueueFull(Unavailable):
    """Too many requests wait for a prediction."""


class TooManyUploads(Unavailable):
    """Too many bytes of request bodies are in memory."""


class Stopping(Unavailable):
    """The replica shuts down."""


class UnsupportedCaptchas(InferenceError):
    """Captchas of the generator that the bundled model cannot predict."""


class ModelError(InferenceError):
    """A version that cannot be used."""


class EngineError(ModelError):
    """A SavedModel that the engine cannot load or run."""


class LoadInterrupted(EngineError):
    """Loading that took too long or was killed, possibly because the machine was overloaded."""


class GoldenCheckError(ModelError):
    """An engine that does not reproduce the trainer's prediction for the golden sample."""
