"""Trains a recogniser once and publishes it: `python -m trainer`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import httpx

from shared.artifacts import MODEL_NAME, ArtifactError
from shared.environment import read_float, read_text
from trainer.client import TIMEOUT, GeneratorClient, GeneratorError, check_url
from trainer.folder import FolderError
from trainer.gate import GateError
from trainer.job import run
from trainer.options import read_config
from trainer.resources import SpaceError

log = logging.getLogger("trainer")


def main() -> None:
    """Wires the parts; every foreseeable failure ends in one sentence and a non-zero exit."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "absl", "tensorflow"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        config = read_config(os.environ, sys.argv[1:])
        models = Path(read_text(os.environ, "MODELS_DIR", "models")) / MODEL_NAME
        data = Path(read_text(os.environ, "DATA_DIR", "data"))
        url = check_url(read_text(os.environ, "GENERATOR_URL", "http://127.0.0.1:8000"))
        wait_s = read_float(os.environ, "GENERATOR_WAIT_S", 120.0, low=0.0, high=86_400.0)
    except ValueError as error:
        log.error("%s", error)
        sys.exit(2)
    # `docker stop` ends as Ctrl-C does: what was begun is cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # The generator is next door: not to be asked through a proxy that the environment names.
        with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
            run(config, models, data, GeneratorClient(http, data), wait_s)
    except (GeneratorError, FolderError, SpaceError, GateError, ArtifactError, OSError) as error:
        log.error("%s; nothing was published, the versions before stay", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.info("stopped; nothing was published, captchas and finished passes are kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
