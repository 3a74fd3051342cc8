"""What a training uses: the captchas of the generator, an image folder, or both."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from shared.captchas.dataset_archive import Dataset
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import IMAGE_FOLDER_KEY
from trainer.config import MIN_EVALUATED, MIN_TARGET_EVALUATED, SplitName, TrainingConfig
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.data.generator_client import GeneratorClient
from trainer.data.image_folder import ImageFolder, read_image_folder
from trainer.data.splits import Split, Splits, build_split
from trainer.errors import TrainingError
from trainer.progress import Progress
from trainer.status_writer import StatusWriter

log = logging.getLogger(__name__)


def find_data(
    config: TrainingConfig, image_folder: Path | None, client: GeneratorClient, timeout_s: float
) -> tuple[CaptchaSource, ImageFolder | None]:
    """Return what to train on: the generator's captchas, an image folder, or both."""
    if config.captchas:
        source = client.wait_ready(timeout_s)
        style = source.spec.style
        if config.choose_styles(style) != config.styles:
            styles = ", ".join(config.styles)
            log.info("training on the style %s of the generator alone, not on %s", style, styles)
        return source, read_image_folder(image_folder, source.spec) if image_folder else None
    if image_folder is None:
        raise TrainingError("captchas is 0 and there is no image folder: nothing to train on")
    folder = read_image_folder(image_folder, None)
    spec = folder.spec
    log.info(
        "%d images of %dx%d pixels, %s characters of %r",
        len(folder),
        spec.width,
        spec.height,
        spec.length_range,
        spec.charset,
    )
    return CaptchaSource(spec, {IMAGE_FOLDER_KEY: folder.fingerprint}, ""), folder


def check_folder_size(folder: ImageFolder, config: TrainingConfig) -> None:
    """Warn if an image folder leaves few images for the evaluation.

    Raises:
        TrainingError: if a target accuracy would be reached by chance.
    """
    counts = {name: len(rows) for name, rows in folder.split().items()}
    needs_more = counts["validation"] < MIN_TARGET_EVALUATED
    if not config.captchas and config.target_accuracy and needs_more:
        raise TrainingError(
            f"target_accuracy needs {MIN_TARGET_EVALUATED} validation images; the image folder has"
            f" {counts['validation']}"
        )
    if min(counts.values()) < MIN_EVALUATED:
        log.warning(
            "the image folder has %d validation images and %d test images; with fewer than %d, the"
            " measured accuracy is imprecise",
            counts["validation"],
            counts["test"],
            MIN_EVALUATED,
        )


def fetch_splits(
    config: TrainingConfig,
    client: GeneratorClient,
    requests: list[DatasetRequest],
    spec: CaptchaSpec,
    folder: ImageFolder | None,
    status: StatusWriter,
) -> Splits:
    """Fetch the datasets of all splits and add the images of the folder."""
    folder_rows = folder.split() if folder else {}
    all_wanted = sum(request.count for request in requests)
    status.update(state="fetching", captchas_wanted=all_wanted)

    def build(split: SplitName) -> Split:
        wanted = [request for request in requests if request.split == split]
        total = sum(request.count for request in wanted)
        progress = Progress(sys.stderr, f"{split} captchas", total)
        earlier = status.current.captchas_fetched

        def fetch() -> Iterator[tuple[str, Dataset]]:
            for request in wanted:
                for part in client.fetch(request):
                    yield request.subset, part

        def report(done: int) -> None:
            progress.update(done)
            fetched = earlier + done
            status.update(captchas_fetched=fetched, progress=round(fetched / all_wanted, 4))

        needs_non_captchas = split == "train" and config.non_captcha_fraction
        return build_split(
            fetch(),
            spec,
            report,
            folder,
            folder_rows.get(split),
            config.seed if needs_non_captchas else None,
        )

    return Splits(train=build("train"), validation=build("validation"), test=build("test"))
