"""Prediction of a batch: decode the images, run the model, describe the predictions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from inference_service.errors import RequestError
from inference_service.models.model_loading import LoadedModel, Prediction
from inference_service.prediction.deadline import Deadline
from shared.captchas.images import GreyImage, ImageError, decode_image
from shared.captchas.restriction import Restriction
from shared.http.schemas import CharacterConfidence, PredictBody, PredictDetails, RestrictionBody


@dataclass(frozen=True)
class PredictOptions:
    """What a request asks for, apart from its images."""

    details: bool
    """Whether the response contains confidences, version and times."""
    model: LoadedModel
    """The version that was active when the request arrived."""
    restriction: Restriction
    """What the text can be."""


@dataclass(frozen=True)
class PredictJob:
    """One image that waits for its prediction."""

    image: bytes | RequestError
    """The encoded image, or why the request contains none."""
    options: PredictOptions
    deadline: Deadline | None = None
    """When the image is no longer predicted."""


@dataclass(frozen=True)
class BatchTimes:
    """Size of a batch and the time of each stage."""

    images: int
    """Images that the model predicted, without rejected ones."""
    decode_s: float
    model_s: float


def predict_batch(
    model: LoadedModel, jobs: Sequence[PredictJob]
) -> tuple[list[PredictBody | Exception], BatchTimes]:
    """Predict several images in one call of the engine.

    An invalid image or a restriction does not affect the others.

    Args:
        model: the version that predicts the whole batch.
        jobs: images for this version.

    Returns:
        For each job the prediction or the exception that describes why there is none, and the
        times.
    """
    started = time.perf_counter()
    images: list[GreyImage] = []
    restrictions: list[Restriction] = []
    failures: list[Exception | None] = []
    for job in jobs:
        if isinstance(job.image, RequestError):
            failures.append(job.image)
            continue
        try:
            if job.deadline:
                job.deadline.check()
            images.append(decode_image(job.image, model.spec))
            restrictions.append(job.options.restriction)
            failures.append(None)
        except Exception as error:
            failures.append(without_traceback(error))
    decoded = time.perf_counter()
    predictions = iter(model.predict(np.stack(images), restrictions) if images else ())
    done = time.perf_counter()
    times = BatchTimes(len(images), decoded - started, done - decoded)
    results = [
        failure or _describe(next(predictions), job.options, times)
        for job, failure in zip(jobs, failures, strict=True)
    ]
    return results, times


def _describe(prediction: Prediction, options: PredictOptions, times: BatchTimes) -> PredictBody:
    body = PredictBody(success=True, prediction=prediction.text, debug="predicted")
    if options.details:
        body.details = PredictDetails(
            characters=[
                CharacterConfidence(character=character, confidence=float(confidence))
                for character, confidence in zip(
                    prediction.text, prediction.confidences, strict=True
                )
            ],
            confidence=prediction.confidence,
            restriction=RestrictionBody(**asdict(options.restriction)),
            version=options.model.version,
            engine=options.model.engine.name,
            decode_ms=times.decode_s * 1e3,
            model_ms=times.model_s * 1e3,
            batch_size=times.images,
        )
    return body


def without_traceback(error: Exception) -> Exception:
    """Return an expected error without its frames, which keep images and bodies in memory."""
    if isinstance(error, ImageError | RequestError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
