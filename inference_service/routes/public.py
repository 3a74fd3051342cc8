"""The routes of the operators, reduced to what clients of the gateway's public port receive.

The gateway rewrites `/model` to `/public/model`, and so on. Clients receive versions, captchas,
accuracy and progress, but neither settings nor files nor the reason why a version is rejected.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from inference_service.errors import NoModel
from inference_service.routes.models import (
    ModelBody,
    ModelsBody,
    PublicModelBody,
    PublicModelsBody,
    model,
    models,
)
from inference_service.routes.training import describe_training, respond_uncached

TRAINING_FIELDS = {
    "state", "version", "started", "updated", "spec", "captchas_fetched", "captchas_wanted",
    "epoch", "epochs", "step", "steps", "progress", "seconds_left", "stale",
}  # fmt: skip
"""Fields of `GET /training` for the public port, beside `epochs_done`."""
EPOCH_FIELDS = {"epoch", "validation_accuracy"}
"""Fields of each epoch in `epochs_done`."""

router = APIRouter(prefix="/public", include_in_schema=False)


# `response_model` removes the fields that its class does not have.
@router.get("/model", response_model=PublicModelBody)
def public_model(request: Request) -> ModelBody:
    """Return the active version."""
    try:
        return model(request)
    except NoModel as error:
        raise NoModel("no version predicts the captchas of the generator yet") from error


@router.get("/models", response_model=PublicModelsBody)
async def public_models(request: Request) -> ModelsBody:
    """Return the versions that can be used."""
    body = await models(request)
    return ModelsBody(
        generator=body.generator,
        versions=[version for version in body.versions if version.rejected is None],
    )


# Not `async`: FastAPI runs it on a thread, because it reads the disk.
@router.get("/training")
def public_training(request: Request) -> Response:
    """Return the progress of the training that runs, or of the last one."""
    fields = dict.fromkeys(TRAINING_FIELDS, True) | {"epochs_done": {"__all__": EPOCH_FIELDS}}
    return respond_uncached(describe_training(request).model_dump_json(include=fields))
