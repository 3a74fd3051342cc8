"""The command `python -m trainer label`. It publishes nothing."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shared.settings import SettingsError
from shared.versions.artifacts import MODEL_NAME, verify
from shared.versions.bundled_model import BUNDLED_VERSION
from trainer.data.generator_client import GeneratorClient
from trainer.data.image_folder import (
    digest_images,
    find_common_size,
    find_different,
    list_image_files,
    read_images,
)
from trainer.data.pseudo_labels import STEPS
from trainer.labelling.labelled_copies import check_copies, copy_labelled, create_empty
from trainer.labelling.options import LabelOptions
from trainer.progress import Progress
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)


def parse_label(arguments: Sequence[str]) -> Callable[[TrainerSettings, GeneratorClient], int]:
    """Return the work that the arguments describe.

    Prints the help and exits on `--help` and on unknown options.
    """
    options = LabelOptions.parse(arguments)

    def label(settings: TrainerSettings, client: GeneratorClient) -> int:
        try:
            label_folder(options, settings.models_dir / MODEL_NAME)
        except SettingsError as error:
            log.error("%s", error)
            return 2
        except KeyboardInterrupt:
            log.info("stopped; nothing was labelled")
            return 130
        return 0

    return label


def label_folder(options: LabelOptions, models: Path) -> None:
    """Label the images of a folder and write the copies.

    Args:
        options: the command line.
        models: directory of the published versions.

    Raises:
        SettingsError: if the version does not exist or does not predict such captchas.
        ArtifactError: if it is damaged.
        ImageFolderError: if the folder has too few images, or a file is not an image.
        DiskSpaceError: if the disk has too little space for the copies.
    """
    started = time.monotonic()
    files = list_image_files(options.folder)
    version_dir = options.find_version(models)
    known = verify(version_dir).captcha_spec
    is_bundled = options.version == BUNDLED_VERSION
    size = find_common_size(files) if is_bundled else (known.width, known.height)
    spec = options.build_spec(known, size)
    images = read_images(files, spec)
    # A copy in another third would be labelled by networks that were trained on it.
    different = [*find_different(options.folder, digest_images(images)).values()]
    create_empty(options.out)  # before the training: an error then loses nothing
    check_copies(files, spec.length, options.out)
    log.info("%d images, %s characters of %r", len(files), spec.length_range, spec.charset)

    # TensorFlow takes 5 s to import. An invalid folder is reported before.
    from trainer.evaluation.accuracy import Predict, predict_restricted  # noqa: PLC0415
    from trainer.publishing.export import load_exported  # noqa: PLC0415
    from trainer.training.self_training import self_train  # noqa: PLC0415

    predict: Predict
    if is_bundled:
        progress = Progress(sys.stderr, "self-training steps", STEPS)
        predict = self_train(spec, images[different], options.seed, progress.update).predict
    else:
        # Self-training brings nothing to a version that knows such images (docs/experiments.md).
        predict = load_exported(version_dir)
    model_spec = spec if is_bundled else known
    predictions = predict_restricted(predict, model_spec, spec, images)
    copy_labelled(files, predictions, options.out)
    log.info("%d images labelled after %.0f s", len(files), time.monotonic() - started)
    log.info(
        "check the labels, first those with a low confidence: a tenth is below %.3f, a quarter"
        " below %.3f; then train on the folder",
        *np.quantile(predictions.confidences, (0.1, 0.25)),
    )
