"""Trains a network, and measures what was exported of it."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import keras
import tensorflow as tf

from shared.artifacts import ManifestDraft
from trainer import plots
from trainer.client import Source
from trainer.config import TrainingConfig
from trainer.dataset import Splits
from trainer.evaluation import evaluate
from trainer.export import choose_golden, export, load_exported
from trainer.fitting import Loop
from trainer.networks import NETWORKS, build_recogniser
from trainer.recipe import fingerprint_recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """A trained model on disk, not yet published."""

    directory: Path
    draft: ManifestDraft
    finished: bool
    """Whether it would end here however long it may take: not if only the time was over."""


def train_and_evaluate(
    config: TrainingConfig,
    source: Source,
    captchas: Mapping[str, str],
    splits: Splits,
    run: Path,
    workdir: Path,
    stream: TextIO,
) -> Artifact:
    """Trains on `splits`, writes a SavedModel with its pictures into `workdir`, and measures that.

    captchas: fingerprints of what is trained on. run: directory that keeps how far it is; a
    training that was stopped goes on from there. Raises TrainingError if it comes to nothing.
    """
    keras.utils.set_random_seed(config.seed)
    spec = source.spec
    recogniser = build_recogniser(config.network, spec)
    log.info("network %s, %s parameters", config.network, f"{recogniser.count_params():,}")
    loop = Loop(recogniser, config, splits, spec, run, stream)
    history = loop.run()
    export(loop.reader, spec, workdir)
    recognise = load_exported(workdir)
    evaluation = evaluate(recognise, splits.test, spec)
    history.write_csv(workdir / "history.csv")
    plots.plot_curves(history, workdir / "curves.png")
    plots.plot_gallery(splits.test, evaluation, spec, workdir / "gallery.png")
    plots.plot_confusions(evaluation, spec, workdir / "confusions.png")
    plots.draw_network(NETWORKS[config.network](spec), workdir / "network.png")
    metrics = evaluation.summarise(spec) | {
        "parameters": recogniser.count_params(),
        "train_s": round(history.elapsed_s, 1),
        "images_per_s": round(history.steps * config.batch_size / history.elapsed_s, 1),
        "passes": history.passes[-1]["pass"],
        "ended_because": history.reason,
    }
    draft = ManifestDraft(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        recipe=fingerprint_recipe(config, captchas),
        spec=spec.to_dict(),
        drawing=source.drawing,
        config=config.to_dict(),
        metrics=metrics,
        libraries=_library_versions(),
        golden=choose_golden(recognise, splits.test, spec),
    )
    return Artifact(workdir, draft, finished=not history.out_of_time)


def _library_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return versions | {
        "tensorflow": tf.__version__,  # installed under different names with and without CUDA
        "python": platform.python_version(),
        "platform": sys.platform,
    }
