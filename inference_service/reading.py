"""Uploads -> answers: unpack, decode, run the model, and say what was read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from starlette.exceptions import HTTPException

from inference_service.models import LoadedModel
from inference_service.uploads import Upload
from shared.images import GreyImage, ImageError, decode_image
from shared.schemas import CharacterConfidence, PredictBody, PredictDetails


@dataclass(frozen=True)
class Job:
    """One request for a reading."""

    upload: Upload
    details: bool


@dataclass(frozen=True)
class Stages:
    """Where the time of one batch went, seconds."""

    images: int
    decode_s: float
    model_s: float


def read(model: LoadedModel, jobs: Sequence[Job]) -> tuple[list[bytes | Exception], Stages]:
    """A JSON body for each job, or the exception that says why there is none.

    All are read by the same model, in one call of its engine. One bad image fails alone.
    """
    began = time.perf_counter()
    images: list[GreyImage] = []
    failures: list[Exception | None] = []
    for job in jobs:
        try:
            images.append(decode_image(job.upload.image_bytes(), model.spec))
            failures.append(None)
        except Exception as error:
            # The route that asked turns it into a status; others in this batch go on.
            failures.append(_without_frames(error))
    decoded = time.perf_counter()
    readings = iter(model.read(np.stack(images)) if images else ())
    done = time.perf_counter()
    stages = Stages(len(images), decoded - began, done - decoded)
    answers: list[bytes | Exception] = []
    for job, failure in zip(jobs, failures, strict=True):
        if failure is not None:
            answers.append(failure)
            continue
        reading = next(readings)
        body = PredictBody(success=True, prediction=reading.text, debug="predicted")
        if job.details:
            body.details = PredictDetails(
                characters=[
                    CharacterConfidence(character=character, confidence=float(confidence))
                    for character, confidence in zip(reading.text, reading.confidences, strict=True)
                ],
                confidence=reading.confidence,
                version=model.version,
                engine=model.engine.name,
                decode_ms=stages.decode_s * 1e3,
                model_ms=stages.model_s * 1e3,
                batch=stages.images,
            )
        answers.append(body.model_dump_json(exclude_none=True).encode())
    return answers, stages


def _without_frames(error: Exception) -> Exception:
    """A refusal as a plain answer: its traceback would keep the uploads of the batch in memory."""
    if isinstance(error, ImageError | HTTPException):
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
