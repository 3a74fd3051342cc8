"""The pipeline: fetch data, train, evaluate, and publish a model that passes the quality gate."""

from __future__ import annotations

import datetime
import fcntl
import importlib.metadata
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.artifacts import ArtifactError, check_writable, list_versions, publish, verify
from shared.dataset_archive import Dataset
from shared.manifest import ManifestDraft, Metrics
from shared.spec import CaptchaSpec
from trainer.config import MIN_EVALUATED, MIN_TARGET_EVALUATED, SplitName, TrainingConfig
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest, list_requests
from trainer.data.generator_client import GeneratorClient
from trainer.data.image_folder import ImageFolder, read_image_folder
from trainer.data.splits import Split, Splits, add_non_captchas, build_split
from trainer.disk_space import require_disk_space
from trainer.errors import QualityGateError, RunLockedError, TrainingError
from trainer.evaluation.quality_gate import describe_accuracy, find_failure
from trainer.progress import Progress
from trainer.training_fingerprints import Fingerprints, compute_fingerprints

log = logging.getLogger(__name__)

# For TensorBoard's event files and the checkpoints of a small network.
_SPARE_BYTES = 200_000_000


@dataclass(frozen=True)
class Workspace:
    """Where a training keeps its files."""

    models: Path
    """Directory of the published versions."""
    runs: Path
    """Directory of unfinished trainings."""


def run(
    config: TrainingConfig,
    image_folder: Path | None,
    workspace: Workspace,
    client: GeneratorClient,
    timeout_s: float,
) -> None:
    """Train and publish, unless the latest version was trained with the same settings and data.

    Raises:
        TrainerError: if nothing is published.
    """
    started = time.monotonic()
    source, folder = find_data(config, image_folder, client, timeout_s)
    fingerprints = compute_fingerprints(
        config,
        {
            "spec": source.spec.fingerprint,
            "renderer": source.renderer_fingerprint,
            "image_folder": folder.fingerprint if folder else "",
        },
    )
    if folder:
        check_folder_size(folder, config)
    check_writable(workspace.models)
    name = f"{_describe_spec(source.spec)}-{config.network}-{fingerprints.run}"
    with lock_run(workspace.runs / name) as directory:
        # Inside the lock: another trainer may have published the version meanwhile.
        version = find_published(workspace.models, fingerprints.training, config.min_accuracy)
        if version is not None:
            log.info("version %d was trained with these settings: nothing to do", version)
            return
        requests = list(list_requests(config, source))
        missing_bytes = sum(map(client.count_missing_bytes, requests))
        require_disk_space(directory, _SPARE_BYTES + missing_bytes)
        splits = fetch_splits(config, client, requests, source.spec, folder)
        log.info("data ready after %.0f s", time.monotonic() - started)
        version, metrics = train_and_publish(
            config, source, fingerprints, splits, directory, workspace.models
        )
    seconds = time.monotonic() - started
    log.info("version %d published after %.0f s: %s", version, seconds, describe_accuracy(metrics))


def find_data(
    config: TrainingConfig, image_folder: Path | None, client: GeneratorClient, timeout_s: float
) -> tuple[CaptchaSource, ImageFolder | None]:
    """Return what to train on: the generator's captchas, an image folder, or both."""
    if config.captchas:
        source = client.wait_ready(timeout_s)
        charset = source.spec.charset
        if config.confusable_captchas and not config.confusable_sets_in(charset):
            sets = ", ".join(config.confusable_sets)
            log.warning("no confusable set (%s) is in the charset %r: none is added", sets, charset)
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
    return CaptchaSource(spec, {"image_folder": folder.fingerprint}, ""), folder


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


def find_published(models: Path, training_fingerprint: str, min_accuracy: float) -> int | None:
    """Return the latest valid version if it was trained with the same settings and data.

    Raises:
        QualityGateError: if it fails the quality gate. Training again would give the same model.
    """
    for version in reversed(list_versions(models)):
        try:
            manifest = verify(models / str(version))
        except ArtifactError as error:
            log.warning("version %d is ignored: %s", version, error)
            continue
        if manifest.training_fingerprint != training_fingerprint:
            return None
        if failure := find_failure(manifest.metrics, min_accuracy):
            raise QualityGateError(f"version {version} was trained with these settings: {failure}")
        return version
    return None


@contextmanager
def lock_run(directory: Path) -> Iterator[Path]:
    """Create the directory of a training and lock it for this process.

    Raises:
        RunLockedError: if another process holds the lock.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLockedError("a training with these settings is already running") from None
        yield directory


def fetch_splits(
    config: TrainingConfig,
    client: GeneratorClient,
    requests: list[DatasetRequest],
    spec: CaptchaSpec,
    folder: ImageFolder | None,
) -> Splits:
    """Fetch the datasets of all splits and add the images of the folder."""
    folder_rows = folder.split() if folder else {}

    def build(split: SplitName) -> Split:
        wanted = [request for request in requests if request.split == split]
        total = sum(request.count for request in wanted)
        progress = Progress(sys.stderr, f"{split} captchas", total)

        def fetch() -> Iterator[tuple[str, Dataset]]:
            for request in wanted:
                for part in client.fetch(request):
                    yield request.subset, part

        return build_split(fetch(), spec, progress.update, folder, folder_rows.get(split))

    train = build("train")
    if config.non_captcha_fraction:
        train = add_non_captchas(train, config.seed)
    return Splits(train=train, validation=build("validation"), test=build("test"))


def train_and_publish(
    config: TrainingConfig,
    source: CaptchaSource,
    fingerprints: Fingerprints,
    splits: Splits,
    directory: Path,
    models: Path,
) -> tuple[int, Metrics]:
    """Train, evaluate the exported model on the test split, and publish it.

    Raises:
        QualityGateError: if the model is not accurate enough.
    """
    # TensorFlow takes 5 s to import. A run with nothing to do ends without it.
    import keras  # noqa: PLC0415

    from trainer.evaluation import figures  # noqa: PLC0415
    from trainer.evaluation.accuracy import evaluate  # noqa: PLC0415
    from trainer.networks import NETWORKS, build_recogniser  # noqa: PLC0415
    from trainer.publishing.export import (  # noqa: PLC0415
        build_golden_sample,
        export,
        load_exported,
    )
    from trainer.training.checkpoints import CheckpointStore  # noqa: PLC0415
    from trainer.training.fit import fit  # noqa: PLC0415

    keras.utils.set_random_seed(config.seed)
    recogniser = build_recogniser(config.network, source.spec)
    parameters = recogniser.count_params()
    log.info("network %s, %s parameters", config.network, f"{parameters:,}")
    result = fit(recogniser, config, splits, directory, sys.stderr)
    history = result.history

    with tempfile.TemporaryDirectory(prefix="version-") as temporary:
        version_dir = Path(temporary)
        export(result.model, source.spec, version_dir)
        predict = load_exported(version_dir)
        evaluation = evaluate(predict, splits.test)
        history.write_csv(version_dir / "history.csv")
        figures.plot_curves(history, version_dir / "curves.png")
        figures.plot_gallery(splits.test, evaluation, version_dir / "gallery.png")
        figures.plot_confusions(evaluation, version_dir / "confusions.png")
        figures.plot_network(NETWORKS[config.network](source.spec), version_dir / "network.png")
        metrics = Metrics(
            **evaluation.accuracy.model_dump(),
            by_subset=evaluation.by_subset,
            character_accuracy=evaluation.character_accuracy,
            most_confused=evaluation.most_confused,
            parameters=parameters,
            training_s=round(history.elapsed_s, 1),
            images_per_s=round(history.steps * config.batch_size / history.elapsed_s, 1),
            epochs=history.epochs[-1]["epoch"],
            stop_reason=history.stop_reason,
        )
        for subset, measured in metrics.by_subset.items():
            log.info("%s: %.2f %% of %s", subset, 100 * measured.accuracy, f"{measured.n:,}")
        if failure := find_failure(metrics, config.min_accuracy):
            raise QualityGateError(failure)
        draft = ManifestDraft(
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            training_fingerprint=fingerprints.training,
            spec=source.spec.to_dict(),
            renderer=source.renderer,
            config=config.model_dump(mode="json"),
            metrics=metrics,
            libraries=_library_versions(),
            golden=build_golden_sample(predict, splits.test),
        )
        version = publish(version_dir, models, draft)
    if not history.is_out_of_time:  # otherwise it can resume with a higher time limit
        try:
            CheckpointStore(directory).clear()
        except OSError as error:
            log.warning("version %d is published, its checkpoints remain: %s", version, error)
    return version, metrics


def _describe_spec(spec: CaptchaSpec) -> str:
    """Return a readable name that is valid on every file system."""
    length = spec.length_range.replace(" ", "")
    return f"{length}of{len(spec.charset)}-{spec.width}x{spec.height}"


def _library_versions() -> dict[str, str]:
    import tensorflow as tf  # noqa: PLC0415

    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return versions | {
        "tensorflow": tf.__version__,  # its distribution has other names with and without CUDA
        "python": platform.python_version(),
        "platform": sys.platform,
    }
