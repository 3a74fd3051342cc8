"""Entry point: `python -m trainer` trains a recogniser and publishes it.

`python -m trainer course`, `audit` and `label` train to compare, to measure and to label images.
They publish nothing.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import httpx

from shared.settings import SettingsError
from shared.versions.artifacts import MODEL_NAME, ArtifactError
from trainer.audit.command import parse_audit
from trainer.course.command import parse_course
from trainer.data.generator_client import TIMEOUT, GeneratorClient
from trainer.errors import DiskSpaceError, GeneratorError, TrainerError
from trainer.labelling.command import parse_label
from trainer.pipeline import Workspace, run
from trainer.publishing.status_upload import uploading_status
from trainer.publishing.upload import Uploader
from trainer.settings import TrainerSettings, TrainingOptions

log = logging.getLogger("trainer")

Job = Callable[[TrainerSettings, GeneratorClient], int]
"""The work of a command; returns the exit status."""


def parse_training(arguments: Sequence[str]) -> Job:
    """Return the training that the arguments describe.

    Raises:
        SettingsError: on an invalid option or variable.
    """
    options = TrainingOptions.parse(arguments)
    config = options.build_config()

    def train(settings: TrainerSettings, client: GeneratorClient) -> int:
        uploader = Uploader.from_settings(settings)
        workspace = Workspace(
            settings.models_dir / MODEL_NAME, settings.data_dir / "runs", uploader
        )
        try:
            with uploading_status(uploader.store, uploader.volume) if uploader else nullcontext():
                run(config, options.image_folder, workspace, client, settings.generator_timeout_s)
        except (TrainerError, ArtifactError, OSError) as error:
            log.error("%s; nothing was published, existing versions are unchanged", error)
            # What another attempt may find corrected: the generator, a store, memory or a disk.
            is_temporary = isinstance(error, GeneratorError | DiskSpaceError | OSError)
            return os.EX_TEMPFAIL if is_temporary else 1
        return 0

    return train


def upload_audits(settings: TrainerSettings) -> None:
    """Upload the audit reports, if there is an object store.

    A failure is logged only: the exit status is that of the command, whose work is done.
    """
    try:
        if uploader := Uploader.from_settings(settings):
            uploader.upload_audits()
    except OSError as error:
        log.error("the audit reports were not uploaded: %s; the next command tries again", error)


ParseCommand = Callable[[Sequence[str]], Job]
COMMANDS: dict[str, ParseCommand] = {
    "audit": parse_audit,
    "course": parse_course,
    "label": parse_label,
}


def main() -> None:
    """Read the settings, run the command and end with a status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for verbose in ("httpx", "absl", "tensorflow"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    arguments = sys.argv[1:]
    parse: ParseCommand = parse_training
    if arguments and arguments[0] in COMMANDS:
        parse = COMMANDS[arguments.pop(0)]
    try:
        job = parse(arguments)
        settings = TrainerSettings.load()
    except SettingsError as error:
        log.error("%s", error)
        sys.exit(2)
    # `docker stop` sends SIGTERM; handle it like Ctrl-C, so that temporary files are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # The generator is on the local network, so requests bypass any proxy.
        with httpx.Client(
            base_url=settings.generator_url, timeout=TIMEOUT, trust_env=False
        ) as http:
            status = job(settings, GeneratorClient(http, settings.data_dir))
        upload_audits(settings)
        sys.exit(status)
    except (TrainerError, ArtifactError, OSError) as error:
        log.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.info("stopped; data, completed epochs and published versions are kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
