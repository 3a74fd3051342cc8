"""Prediction of a batch: parse the bodies, decode the images, run the model, build responses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from inference_service.errors import RequestError
from inference_service.model_loading import LoadedModel, Prediction
from inference_service.parsing import RequestBody, extract_image
from shared.images import GreyImage, ImageError, decode_image
from shared.restriction import Restriction
from shared.schemas import CharacterConfidence, PredictBody, PredictDetails, RestrictionBody


@dataclass(frozen=True)
class PredictJob:
    """One request for a prediction."""

    body: RequestBody
    details: bool
    """Whether the response contains confidences, version and times."""
    model: LoadedModel
    """The version that was active when the request arrived."""
    restriction: Restriction
    """What the text can be."""


@dataclass(frozen=True)
class BatchTimes:
    """Size of a batch and the time of each stage."""

    images: int
    """Images that the model predicted, without rejected ones."""
    decode_s: float
    model_s: float


def predict_batch(
    model: LoadedModel, jobs: Sequence[PredictJob]
) -> tuple[list[bytes | Exception], BatchTimes]:
    """Predict the images of several requests in one call of the engine.

    A request with an invalid image or a restriction does not affect the others.

    Args:
        model: the version that predicts the whole batch.
        jobs: requests for this version.

    Returns:
        For each job a JSON body or the exception that describes why there is none, and the times.
    """
    started = time.perf_counter()
    images: list[GreyImage] = []
    restrictions: list[Restriction] = []
    failures: list[Exception | None] = []
    for job in jobs:
        try:
            images.append(decode_image(extract_image(job.body), model.spec))
            restrictions.append(job.restriction)
            failures.append(None)
        except Exception as error:
            failures.append(_without_traceback(error))
    decoded = time.perf_counter()
    predictions = iter(model.predict(np.stack(images), restrictions) if images else ())
    done = time.perf_counter()
    times = BatchTimes(len(images), decoded - started, done - decoded)
    responses = [
        failure or _build_response(next(predictions), job, model, times)
        for job, failure in zip(jobs, failures, strict=True)
    ]
    return responses, times


def _build_response(
    prediction: Prediction, job: PredictJob, model: LoadedModel, times: BatchTimes
) -> bytes:
    body = PredictBody(success=True, prediction=prediction.text, debug="predicted")
    if job.details:
        body.details = PredictDetails(
            characters=[
                CharacterConfidence(character=character, confidence=float(confidence))
                for character, confidence in zip(
                    prediction.text, prediction.confidences, strict=True
                )
            ],
            confidence=prediction.confidence,
            restriction=RestrictionBody(**asdict(job.restriction)),
            version=model.version,
            engine=model.engine.name,
            decode_ms=times.decode_s * 1e3,
            model_ms=times.model_s * 1e3,
            batch_size=times.images,
        )
    return body.model_dump_json(exclude_none=True).encode()


def _without_traceback(error: Exception) -> Exception:
    """Return an expected error without its frames, which keep the bodies of the batch in memory."""
    if isinstance(error, ImageError | RequestError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
