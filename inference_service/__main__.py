"""Starts the inference service: `python -m inference_service`."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial

from inference_service.app import create_app
from inference_service.engines import LOADERS
from inference_service.models import ModelStore
from inference_service.server import DrainingServer
from inference_service.settings import Settings
from inference_service.trial import try_out
from shared.logs import log_as_json


def main() -> None:
    """Reads the settings, wires the app and serves until it is told to stop."""
    log_as_json()
    # It warns of every form that is none, which the client is told anyway.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        sys.exit(f"inference: {error}")
    load_engine = partial(LOADERS[settings.engine], threads=settings.threads)
    try_first = partial(try_out, settings.engine)
    store = ModelStore(settings.models, load_engine, try_first, settings.box)
    app = create_app(settings, store)
    DrainingServer(app, settings.host, settings.port, settings.drain_s).run()


if __name__ == "__main__":
    main()
