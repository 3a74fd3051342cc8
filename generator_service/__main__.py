"""Starts the generator: `python -m generator_service`."""

from __future__ import annotations

import os
import sys

import uvicorn

from generator_service.app import create_app
from generator_service.renderer import Renderer
from generator_service.settings import Settings
from shared.logs import log_as_json


def main() -> None:
    """Reads the settings, wires the app and serves until it is told to stop."""
    log_as_json()
    try:
        settings = Settings.from_environment(os.environ)
        renderer = Renderer(settings.spec, settings.fonts, settings.processes)
    except (ValueError, OSError) as error:
        sys.exit(f"generator: {error}")
    # The observer logs requests; logging is set up already, for every logger alike.
    uvicorn.run(
        create_app(settings, renderer),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
    )


if __name__ == "__main__":
    main()
