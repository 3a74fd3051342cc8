"""The job: gather captchas, train, and publish what passes the gate."""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.artifacts import ArtifactError, list_versions, publish, require_writable, verify
from shared.dataset_archive import Dataset
from shared.spec import CaptchaSpec
from trainer.client import GeneratorClient, Source
from trainer.config import MIN_EVALUATED, MIN_TARGET_EVALUATED, TrainingConfig
from trainer.dataset import Split, Splits, collect
from trainer.folder import Folder, read_folder
from trainer.gate import GateError, describe_accuracy, find_shortfall
from trainer.progress import Progress
from trainer.recipe import fingerprint_recipe, fingerprint_run
from trainer.resources import require_disk, require_memory
from trainer.shares import Share, list_shares

log = logging.getLogger(__name__)


def run(
    config: TrainingConfig, models: Path, data: Path, client: GeneratorClient, wait_s: float
) -> None:
    """Trains and publishes, unless the newest good version already is what would come out."""
    began = time.monotonic()
    source, own = find_captchas(config, client, wait_s)
    captchas = {
        "spec": source.spec.fingerprint,
        "drawing": source.drawing_fingerprint,
        "own": own.fingerprint if own else "",
    }
    recipe = fingerprint_recipe(config, captchas)
    if own:
        check_size(own, config)
    require_writable(models)
    name = f"{describe(source.spec)}-{config.network}-{fingerprint_run(config, captchas)}"
    with claim(data / "runs" / name) as directory:
        # Not before: another trainer may have published it until this one had its turn.
        if (version := find_trained(models, recipe, config.min_accuracy)) is not None:
            log.info("version %d was trained from exactly these settings: nothing to do", version)
            return
        shares = list(list_shares(config, source))
        require_memory(shares, len(own.texts) if own else 0, source.spec, config.network)
        require_disk(config, shares, client, data)
        with importing("trainer.training"):
            splits = gather_splits(config, client, shares, source.spec, own)
        log.info("captchas ready after %.0f s", time.monotonic() - began)
        version, measured = train_and_publish(config, source, captchas, splits, directory, models)
    log.info("version %d published after %.0f s: %s", version, time.monotonic() - began, measured)


def find_captchas(
    config: TrainingConfig, client: GeneratorClient, wait_s: float
) -> tuple[Source, Folder | None]:
    """What is to be read: as the generator draws, or as a folder shows if it is to be alone."""
    folder = Path(config.folder) if config.folder else None
    if folder is None or config.captchas:
        source = client.wait_ready(wait_s)
        if config.look_alike_captchas and not config.list_look_alikes(source.spec.charset):
            log.warning(
                "no set of the look-alikes %s is in %r: none are added",
                config.look_alikes, source.spec.charset,
            )  # fmt: skip
        return source, read_folder(folder, source.spec) if folder else None
    own = read_folder(folder, None)
    log.info(
        "%d captchas of %dx%d, %s characters out of %r",
        len(own.texts), own.spec.width, own.spec.height, own.spec.lengths,
        own.spec.charset,
    )  # fmt: skip
    return Source(own.spec, {"folder": own.fingerprint}, ""), own


def find_trained(models: Path, recipe: str, min_accuracy: float) -> int | None:
    """The newest version that verifies, if it comes from this recipe.

    Raises GateError if it does not pass a gate that was raised since: it would come out again.
    """
    for version in reversed(list_versions(models)):
        try:
            manifest = verify(models / str(version))
        except ArtifactError as error:
            log.warning("version %d does not count: %s", version, error)
            continue
        if manifest.recipe != recipe:
            return None
        if shortfall := find_shortfall(manifest.metrics, min_accuracy):
            raise GateError(f"version {version} came out of exactly these settings: {shortfall}")
        return version
    return None


def describe(spec: CaptchaSpec) -> str:
    """A name for captchas of a spec that people recognise and every file system takes."""
    lengths = spec.lengths.replace(" ", "")
    return f"{lengths}of{len(spec.charset)}-{spec.width}x{spec.height}"


@contextmanager
def claim(directory: Path) -> Iterator[Path]:
    """The directory of a training, for one process at a time. Raises GateError for a second."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GateError(
                "a training of these captchas and settings is running already"
            ) from None
        yield directory


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Imports a module meanwhile: TensorFlow takes seconds, in which captchas can be drawn."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    thread = threading.Thread(target=importlib.import_module, args=(module,))
    thread.start()
    try:
        yield
    finally:
        thread.join()  # an interpreter that ends amid an import may crash


def gather_splits(
    config: TrainingConfig,
    client: GeneratorClient,
    shares: Sequence[Share],
    spec: CaptchaSpec,
    own: Folder | None,
) -> Splits:
    """The three splits: from three seeds of the generator, and from one's own captchas.

    spec: of all of them; look-alikes have fewer characters.
    """
    rows = own.split() if own else {}

    def gather(name: str) -> Split:
        wanted = [share for share in shares if share.split == name]
        count = sum(share.count for share in wanted)
        progress = Progress(sys.stderr, f"{name} captchas", count)

        def parts() -> Iterator[tuple[str, Dataset]]:
            for share in wanted:
                seed = config.split_seeds[name]
                for part in client.fetch(share.source, seed, share.count, share.start):
                    yield share.origin, part

        return collect(parts(), spec, count, progress.update, own, rows.get(name, ()))

    return Splits(train=gather("train"), validation=gather("validation"), test=gather("test"))


def check_size(own: Folder, config: TrainingConfig) -> None:
    """Says so if a folder leaves few captchas to measure on.

    Raises GateError if a target would be met by luck, for there are no others.
    """
    counts = {name: len(rows) for name, rows in own.split().items()}
    alone = not config.captchas
    if alone and config.target_accuracy and counts["validation"] < MIN_TARGET_EVALUATED:
        raise GateError(
            f"a target accuracy needs {MIN_TARGET_EVALUATED} captchas for the validation,"
            f" and the folder leaves {counts['validation']}"
        )
    if min(counts.values()) < MIN_EVALUATED:
        log.warning(
            "of one's own, %d captchas are for the validation and %d for the test: below %d,"
            " what is read of them says little",
            counts["validation"], counts["test"], MIN_EVALUATED,
        )  # fmt: skip


def train_and_publish(
    config: TrainingConfig,
    source: Source,
    captchas: dict[str, str],
    splits: Splits,
    directory: Path,
    models: Path,
) -> tuple[int, str]:
    """The new version, and what it was measured to read. Raises GateError if that is too little."""
    from trainer.checkpoints import Checkpoints  # noqa: PLC0415 - after the other thread's import
    from trainer.training import train_and_evaluate  # noqa: PLC0415
    from trainer.watch import TrainingError  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="training-") as workdir:
        try:
            artifact = train_and_evaluate(
                config, source, captchas, splits, directory, Path(workdir), sys.stderr
            )
        except TrainingError as error:
            raise GateError(str(error)) from error
        metrics = artifact.draft.metrics
        for origin, figures in metrics["by_origin"].items():
            log.info("%s: %.2f %% of %s", origin, 100 * figures["accuracy"], f"{figures['n']:,}")
        if shortfall := find_shortfall(metrics, config.min_accuracy):
            raise GateError(shortfall)
        version = publish(artifact.directory, models, artifact.draft)
    if artifact.finished:
        try:
            Checkpoints(directory).clear()
        except OSError as error:
            log.warning("version %d is published, its checkpoints stay: %s", version, error)
    return version, describe_accuracy(metrics)
