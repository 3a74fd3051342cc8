"""Entry point of the generator service: `python -m generator_service`."""

from __future__ import annotations

import sys

import uvicorn

from generator_service.app import create_app
from generator_service.datasets.abortable_connection import AbortableConnection
from generator_service.errors import GeneratorError, IllegibleText
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.spec_check import check_renderable
from generator_service.rendering.voice_directory import check_voices
from generator_service.settings import Settings, SyntheticSettings, name_variables
from generator_service.synthetic.font_files import find_fonts
from generator_service.worker_pool import WorkerPool
from shared.logs import log_as_json
from shared.settings import SettingsError


def main() -> None:
    """Read the settings and serve until the process is stopped."""
    log_as_json()
    try:
        settings = Settings.load()
        options = RenderOptions(
            settings.fonts,
            find_fonts(settings.synthetic_fonts, settings.charset),
            SyntheticSettings.load(),
            check_voices(settings.voices, settings.charset),
            settings.font_directory,
            synthetic_charset=settings.charset,
        )
        pool = WorkerPool(settings.spec, options, settings.processes)
        check_renderable(settings.spec, options)
    except IllegibleText as error:
        sys.exit(f"generator: {name_variables(str(error))}")
    except (SettingsError, GeneratorError) as error:
        sys.exit(f"generator: {error}")
    # RequestMiddleware logs the requests, and log_as_json has set up every logger.
    uvicorn.run(
        create_app(settings, pool),
        host=settings.host,
        port=settings.port,
        http=AbortableConnection,  # for clients that do not read datasets
        access_log=False,
        server_header=False,
        log_config=None,
    )


if __name__ == "__main__":
    main()
