"""Starts the inference service: `python -m inference_service`."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import partial

import uvicorn

from inference_service.app import create_app
from inference_service.engines import LOADERS
from inference_service.models import ModelStore
from inference_service.settings import Settings


def main() -> None:
    """Reads the settings, wires the app and serves until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Odd metadata in an image is not worth a line in the log for every request.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        sys.exit(f"inference: {error}")
    load_engine = partial(LOADERS[settings.engine], threads=settings.threads)
    store = ModelStore(settings.models, load_engine)
    # Metrics count the requests; a line for each would cost more than the answer.
    uvicorn.run(
        create_app(settings, store), host=settings.host, port=settings.port, access_log=False
    )


if __name__ == "__main__":
    main()
