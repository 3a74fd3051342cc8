"""What the routes of one app share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from inference_service.errors import NoModel
from inference_service.metrics import Metrics
from inference_service.models.model_store import ActiveModel, ModelStore
from inference_service.prediction.predictor import Predictor
from inference_service.requests.request_body import BodyReceiver


@dataclass(frozen=True)
class ServiceState:
    """The parts of the service, created by `create_app`."""

    store: ModelStore
    predictor: Predictor
    receiver: BodyReceiver
    metrics: Metrics


def get_service(request: Request) -> ServiceState:
    """Return the parts of the service that handles a request."""
    service: ServiceState = request.app.state.service
    return service


def get_volume(request: Request) -> Path:
    """Return the models volume, which contains the directory of the versions."""
    return get_service(request).store.versions_dir.parent


def require_model(store: ModelStore) -> ActiveModel:
    """Return the active version.

    Raises:
        NoModel: if there is none, with the reasons.
    """
    active = store.active  # read once: another thread replaces it
    if active is not None:
        return active
    reasons = [store.directory_problem] if store.directory_problem else []
    reasons += [f"version {v} was rejected: {why}" for v, why in store.rejected.items()]
    mismatches = {found.source: found.mismatch for found in store.versions if found.mismatch}
    if "bundled" in mismatches:
        reasons.append(mismatches["bundled"])
    elif mismatches:
        reasons.append("no usable version was trained for the captchas of the generator")
    if not reasons:
        reasons.append("the trainer has not published a version yet")
    raise NoModel(f"no model: {'; '.join(reasons)}")
