"""Trains a recogniser once and publishes it: `python -m trainer`."""

from __future__ import annotations

import logging
import os
import signal
import sys

import httpx

from shared.artifacts import MODEL_NAME, ArtifactError
from shared.settings import SettingsError
from trainer.data.generator_client import TIMEOUT, GeneratorClient
from trainer.errors import TrainerError
from trainer.pipeline import Workspace, run
from trainer.settings import TrainerSettings, TrainingOptions

log = logging.getLogger("trainer")


def main() -> None:
    """Read the settings, run the pipeline and end with a status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for verbose in ("httpx", "absl", "tensorflow"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        options = TrainingOptions.parse(sys.argv[1:])
        config = options.build_config()
        settings = TrainerSettings.load()
    except SettingsError as error:
        log.error("%s", error)
        sys.exit(2)
    # `docker stop` sends SIGTERM; handle it like Ctrl-C, so that temporary files are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace = Workspace(settings.models_dir / MODEL_NAME, settings.data_dir / "runs")
    try:
        # The generator is on the local network, so requests bypass any proxy.
        with httpx.Client(
            base_url=settings.generator_url, timeout=TIMEOUT, trust_env=False
        ) as http:
            client = GeneratorClient(http, settings.data_dir)
            run(config, options.image_folder, workspace, client, settings.generator_timeout_s)
    except (TrainerError, ArtifactError, OSError) as error:
        log.error("%s; nothing was published, existing versions are unchanged", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.info("stopped; nothing was published, data and completed epochs are kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
