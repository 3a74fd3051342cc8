"""The routes for operators, which can be kept from the public as a whole."""

from __future__ import annotations

from fastapi import APIRouter

from inference_service.routes import audits, model_files, models, training

router = APIRouter()
for _routes in (models, model_files, audits, training):
    router.include_router(_routes.router)
