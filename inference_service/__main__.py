"""Entry point of the inference service: `python -m inference_service`."""

from __future__ import annotations

import logging
import sys
from functools import partial

from inference_service.app import create_app
from inference_service.engines import ENGINES
from inference_service.models.generator_watcher import GeneratorWatcher
from inference_service.models.load_check import check_loading
from inference_service.models.model_store import ModelStore
from inference_service.server import DrainingServer
from inference_service.settings import Settings
from shared.logs import log_as_json
from shared.settings import SettingsError


def main() -> None:
    """Read the settings, wire the app and serve until a signal arrives."""
    log_as_json()
    # It warns about every invalid form. The client gets that message in its response.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.exit(f"inference: {error}")
    generator = GeneratorWatcher(settings.generator_url) if settings.generator_url else None
    store = ModelStore(
        settings.versions_dir,
        ENGINES[settings.engine],
        check_loading=partial(check_loading, settings.engine),
        bundled_model=settings.bundled_model,
        find_generator=lambda: generator.spec if generator else None,
    )
    app = create_app(settings, store, generator=generator)
    DrainingServer(app, settings.inference_host, settings.inference_port, settings.drain_s).run()


if __name__ == "__main__":
    main()
