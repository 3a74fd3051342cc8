"""Starts the generator: `python -m generator_service`."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from generator_service.app import create_app
from generator_service.renderer import Renderer
from generator_service.settings import Settings


def main() -> None:
    """Reads the settings, wires the app and serves until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.from_environment(os.environ)
        renderer = Renderer(settings.spec, settings.fonts, settings.processes)
    except (ValueError, OSError) as error:
        sys.exit(f"generator: {error}")
    # Metrics count the requests; a line for each would cost more than the answer.
    uvicorn.run(
        create_app(settings, renderer), host=settings.host, port=settings.port, access_log=False
    )


if __name__ == "__main__":
    main()
