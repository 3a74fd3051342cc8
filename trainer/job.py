"""The job: fetch captchas, train, and publish what passes the gate."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from shared.artifacts import ArtifactError, list_versions, publish, verify
from trainer.client import GeneratorClient, Source
from trainer.config import TrainingConfig, fingerprint_recipe
from trainer.dataset import Split, Splits, collect
from trainer.progress import Progress

log = logging.getLogger(__name__)


class GateError(RuntimeError):
    """A model not good enough to be published."""


def run(config: TrainingConfig, models: Path, client: GeneratorClient, wait_s: float) -> None:
    """Trains and publishes, unless the newest good version already is what would come out."""
    began = time.monotonic()
    source = client.wait_ready(wait_s)
    recipe = fingerprint_recipe(config, source.spec.fingerprint, source.drawing_fingerprint)
    if (version := find_trained(models, recipe, config.min_accuracy)) is not None:
        log.info("version %d was trained from exactly these settings: nothing to do", version)
        return
    splits = fetch_splits(config, client, source)
    fetched_s = time.monotonic() - began
    log.info("captchas ready after %.0f s", fetched_s)
    # TensorFlow takes seconds to import: not before it is known to be needed.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from trainer.training import TrainingError, train_and_evaluate  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="training-") as workdir:
        try:
            artifact = train_and_evaluate(config, source, splits, Path(workdir), sys.stderr)
        except TrainingError as error:
            raise GateError(str(error)) from error
        low, high = artifact.draft.metrics["accuracy_interval_95"]
        measured = (
            f"{artifact.evaluation.accuracy:.2%} of {artifact.evaluation.n:,} captchas never"
            f" trained on were read right (95 % interval {low:.2%} to {high:.2%})"
        )
        if artifact.evaluation.accuracy < config.min_accuracy:
            raise GateError(f"{measured}, less than the {config.min_accuracy:.2%} asked for")
        version = publish(artifact.directory, models, artifact.draft)
    log.info("version %d published after %.0f s: %s", version, time.monotonic() - began, measured)


def find_trained(models: Path, recipe: str, min_accuracy: float) -> int | None:
    """The newest version that verifies, if it comes from this recipe and passes the gate."""
    for version in reversed(list_versions(models)):
        try:
            manifest = verify(models / str(version))
        except ArtifactError as error:
            log.warning("version %d does not count: %s", version, error)
            continue
        good_enough = (manifest.metrics.get("accuracy") or 0.0) >= min_accuracy
        return version if manifest.recipe == recipe and good_enough else None
    return None


def fetch_splits(config: TrainingConfig, client: GeneratorClient, source: Source) -> Splits:
    """The three splits, from three seeds."""
    counts = {
        "train": config.captchas,
        "validation": config.validation_captchas,
        "test": config.test_captchas,
    }

    def fetch(name: str) -> Split:
        progress = Progress(sys.stderr, f"{name} captchas", counts[name])
        parts = client.fetch(source, config.split_seeds[name], counts[name])
        return collect(parts, source.spec, counts[name], progress.update)

    return Splits(train=fetch("train"), validation=fetch("validation"), test=fetch("test"))
