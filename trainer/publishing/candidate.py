"""A candidate: a trained model as a version, with its evaluation, before it is published."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import platform
import sys
from pathlib import Path

import keras
import tensorflow as tf

from shared.versions.manifest import Comparison, ManifestDraft, Metrics
from trainer.config import TrainingConfig
from trainer.data.batches import build_evaluation_batches
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.splits import Split, Splits
from trainer.evaluation import figures
from trainer.evaluation.accuracy import Evaluation, compare, evaluate, find_correct
from trainer.evaluation.calibration import apply_temperature, fit_temperature, measure_calibration
from trainer.evaluation.comparison import compare_paired
from trainer.networks.tta import remove_test_time_augmentation
from trainer.publishing.export import (
    build_golden_sample,
    export,
    load_exported,
    save_keras_model,
)
from trainer.publishing.reference import Reference
from trainer.training.fit import FitResult

log = logging.getLogger(__name__)


def write_candidate(
    result: FitResult,
    config: TrainingConfig,
    source: CaptchaSource,
    training_fingerprint: str,
    splits: Splits,
    reference: Reference | None,
    directory: Path,
) -> ManifestDraft:
    """Calibrate and export a model, evaluate the export on the test split, and plot the figures.

    Args:
        result: the trained model, changed in place by the temperature.
        config: hyperparameters.
        source: the captchas.
        training_fingerprint: for the manifest.
        splits: validation captchas for the temperature, test captchas for everything else.
        reference: the version to compare with, if there is one.
        directory: where the files of the version are written.

    Returns:
        The manifest, without the checksums.
    """
    history = result.history
    probabilities = result.model.predict(build_evaluation_batches(splits.validation), verbose=0)
    validation = compare(probabilities, splits.validation)
    temperature = fit_temperature(probabilities, validation.is_correct, source.spec)
    if not apply_temperature(result.model, temperature):
        log.warning("the network has no dense layer with softmax: it is not calibrated")
        temperature = 1.0
    export(result.model, source.spec, directory)
    save_keras_model(result.model, directory)
    predict = load_exported(directory)
    evaluation = evaluate(predict, splits.test)
    calibration = measure_calibration(temperature, evaluation.confidences, evaluation.is_correct)
    history.write_csv(directory / "history.csv")
    figures.plot_curves(history, directory / "curves.png")
    figures.plot_gallery(splits.test, evaluation, directory / "gallery.png")
    figures.plot_confusions(evaluation, directory / "confusions.png")
    figures.plot_reliability(calibration, directory / "reliability.png")
    figures.plot_network(find_network(result.model), directory / "network.png")
    metrics = Metrics(
        **evaluation.accuracy.model_dump(),
        by_subset=evaluation.by_subset,
        character_accuracy=evaluation.character_accuracy,
        most_confused=evaluation.most_confused,
        parameters=result.model.count_params(),
        training_s=round(history.elapsed_s, 1),
        images_per_s=round(history.steps * config.batch_size / history.elapsed_s, 1),
        epochs=history.epochs[-1]["epoch"],
        stop_reason=history.stop_reason,
        calibration=calibration,
        comparison=_compare(evaluation, splits.test, reference),
    )
    for subset, measured in metrics.by_subset.items():
        log.info("%s: %.2f %% of %s", subset, 100 * measured.accuracy, f"{measured.n:,}")
    log.info(
        "expected calibration error %.4f at temperature %.2f",
        calibration.expected_calibration_error,
        temperature,
    )
    return ManifestDraft(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        training_fingerprint=training_fingerprint,
        spec=source.spec.to_dict(),
        renderer=source.renderer,
        config=config.model_dump(mode="json"),
        metrics=metrics,
        libraries=_library_versions(),
        golden=build_golden_sample(predict, splits.test),
    )


def find_network(model: keras.Model) -> keras.Model:
    """Return the network of a recogniser, which is between its normalisation and its output."""
    layers = remove_test_time_augmentation(model).layers
    return next(layer for layer in layers if isinstance(layer, keras.Model))


def _compare(evaluation: Evaluation, test: Split, reference: Reference | None) -> Comparison | None:
    if reference is None:
        return None
    predict = load_exported(reference.directory)
    is_correct = find_correct(predict, reference.manifest.captcha_spec, test)
    return compare_paired(evaluation.is_correct, is_correct, reference.version)


def _library_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return versions | {
        "tensorflow": tf.__version__,  # its distribution has other names with and without CUDA
        "python": platform.python_version(),
        "platform": sys.platform,
    }
