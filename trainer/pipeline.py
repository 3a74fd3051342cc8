"""The pipeline: fetch data, train, evaluate, and publish a model that passes the quality gate."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import ArtifactError, check_writable, list_versions, publish, verify
from shared.versions.bundled_model import BUNDLED_DIR
from shared.versions.manifest import Manifest, ManifestDraft
from trainer.config import NetworkName, TrainingConfig
from trainer.data.dataset_requests import CaptchaSource, list_requests
from trainer.data.generator_client import GeneratorClient
from trainer.data.splits import Splits
from trainer.data.training_data import check_folder_size, fetch_splits, find_data
from trainer.directory_lock import lock_directory
from trainer.disk_space import require_disk_space
from trainer.errors import QualityGateError, TrainerError, TrainingError
from trainer.evaluation.quality_gate import describe_accuracy, find_failure
from trainer.publishing.pruning import prune
from trainer.publishing.reference import Reference, find_reference
from trainer.publishing.rejection import Rejection, read_rejection, write_rejection
from trainer.publishing.upload import Uploader
from trainer.status_writer import StatusWriter
from trainer.training_fingerprints import Fingerprints, compute_fingerprints

log = logging.getLogger(__name__)

# For TensorBoard's event files, the checkpoints of a small network, and a version.
_SPARE_BYTES = 200_000_000


@dataclass(frozen=True)
class Workspace:
    """Where a training keeps its files."""

    models: Path
    """Directory of the published versions."""
    runs: Path
    """Directory of unfinished trainings."""
    uploader: Uploader | None = None
    """Uploads the published versions to an object store."""


def run(
    config: TrainingConfig,
    image_folder: Path | None,
    workspace: Workspace,
    client: GeneratorClient,
    timeout_s: float,
) -> None:
    """Train and publish, unless the active version or a rejection is of the same training.

    A model that is less accurate than the best version for the same captchas is not published.
    The status of the training is written beside the published versions.

    Raises:
        TrainerError: if the training fails or its model is below the required accuracy.
    """
    with StatusWriter(workspace.models.parent, config) as status:
        train_if_new(config, image_folder, workspace, client, timeout_s, status)


def train_if_new(
    config: TrainingConfig,
    image_folder: Path | None,
    workspace: Workspace,
    client: GeneratorClient,
    timeout_s: float,
    status: StatusWriter,
) -> None:
    """Train and publish, unless the active version or a rejection is of the same training.

    Raises:
        TrainerError: if the training fails or its model is below the required accuracy.
        ArtifactError: if the bundled model is damaged.
    """
    started = time.monotonic()
    source, folder = find_data(config, image_folder, client, timeout_s)
    status.update(spec=source.spec.to_dict())
    bundled = read_bundled(config.network) if config.init == "bundled" else None
    fingerprints = compute_fingerprints(
        config,
        {
            "spec": source.spec.fingerprint,
            "renderer": source.renderer_fingerprint,
            "image_folder": folder.fingerprint if folder else "",
            "bundled": bundled.training_fingerprint if bundled else "",
        },
    )
    if folder:
        check_folder_size(folder, config)
    check_writable(workspace.models)
    require_disk_space(workspace.models, _SPARE_BYTES)
    if workspace.uploader:
        workspace.uploader.prepare()
    name = f"{_describe_spec(source.spec)}-{config.network}-{fingerprints.run}"
    problem = "a training with these settings is already running"
    with lock_directory(workspace.runs / name, problem) as directory:
        # Inside the lock: another trainer may have published the version meanwhile.
        version = find_published(
            workspace.models, source, fingerprints.training, config.min_accuracy
        )
        if version is not None:
            log.info("version %d was trained with these settings: nothing to do", version)
            status.end_unchanged(f"version {version} was trained with these settings")
            return
        reference = find_reference(workspace.models, source.spec, source.is_image_folder)
        rejected = find_rejection(directory, fingerprints.training, reference)
        if rejected and not config.publish_worse:
            log.info("nothing to do: this training was rejected before: %s", rejected)
            status.end_unchanged(f"this training was rejected before: {rejected}")
            return
        requests = list(list_requests(config, source))
        missing_bytes = sum(map(client.count_missing_bytes, requests))
        require_disk_space(directory, _SPARE_BYTES + missing_bytes)
        splits = fetch_splits(config, client, requests, source.spec, folder, status)
        log.info("data ready after %.0f s", time.monotonic() - started)
        manifest, version = train_and_publish(
            config,
            source,
            fingerprints,
            splits,
            directory,
            workspace.models,
            status,
            workspace.uploader,
        )
        seconds = time.monotonic() - started
        accuracy = describe_accuracy(manifest.metrics)
        if version is None:
            log.info("nothing was published after %.0f s: %s", seconds, accuracy)
        else:
            log.info("version %d published after %.0f s: %s", version, seconds, accuracy)
        if source.is_image_folder and config.init == "bundled":
            log_learning_curve(config, splits, manifest.metrics.accuracy)


def read_bundled(network: NetworkName) -> Manifest:
    """Return the manifest of the bundled model, from which a training starts.

    Raises:
        TrainingError: if it has another network.
        ArtifactError: if it is damaged.
    """
    manifest = verify(BUNDLED_DIR)
    if (bundled := manifest.config.get("network")) != network:
        raise TrainingError(
            f"the bundled model has the network {bundled}, not {network}; choose this network, or"
            " set TRAIN_INIT=scratch"
        )
    return manifest


def find_published(
    models: Path, source: CaptchaSource, training_fingerprint: str, min_accuracy: float
) -> int | None:
    """Return the active version for these captchas if it was trained with the same settings.

    Args:
        models: directory of the published versions.
        source: the captchas.
        training_fingerprint: of the settings and data.
        min_accuracy: of the quality gate.

    Raises:
        QualityGateError: if it fails the quality gate. Training again would give the same model.
    """
    for version in reversed(list_versions(models)):
        try:
            manifest = verify(models / str(version))
        except ArtifactError as error:
            log.warning("version %d is ignored: %s", version, error)
            continue
        is_other_spec = manifest.captcha_spec != source.spec and not manifest.is_image_folder
        if is_other_spec and not source.is_image_folder:
            continue  # it does not predict the captchas that the generator renders now
        if manifest.training_fingerprint != training_fingerprint:
            return None
        if failure := find_failure(manifest.metrics, min_accuracy):
            raise QualityGateError(f"version {version} was trained with these settings: {failure}")
        return version
    return None


def find_rejection(
    directory: Path, training_fingerprint: str, reference: Reference | None
) -> str | None:
    """Return why the same training was rejected before, compared with the same reference."""
    rejection = read_rejection(directory)
    if rejection is None or reference is None:
        return None
    known = (rejection.training_fingerprint, rejection.reference_fingerprint)
    now = (training_fingerprint, reference.manifest.training_fingerprint)
    return rejection.reason if known == now else None


def train_and_publish(
    config: TrainingConfig,
    source: CaptchaSource,
    fingerprints: Fingerprints,
    splits: Splits,
    directory: Path,
    models: Path,
    status: StatusWriter,
    uploader: Uploader | None = None,
) -> tuple[ManifestDraft, int | None]:
    """Train, evaluate the exported model on the test split, and publish it unless it is worse.

    Returns:
        The manifest, and the number of the version; None if it was not published.

    Raises:
        QualityGateError: if the model is below the required accuracy.
    """
    # TensorFlow takes 5 s to import. A run with nothing to do ends without it.
    import keras  # noqa: PLC0415

    from trainer.evaluation.comparison import describe_comparison, is_inferior  # noqa: PLC0415
    from trainer.networks.initialisation import build_initialised  # noqa: PLC0415
    from trainer.publishing.candidate import write_candidate  # noqa: PLC0415
    from trainer.training.checkpoints import CheckpointStore  # noqa: PLC0415
    from trainer.training.fit import fit  # noqa: PLC0415

    keras.utils.set_random_seed(config.seed)
    recogniser = build_initialised(config, source.spec)
    log.info("network %s, %s parameters", config.network, f"{recogniser.count_params():,}")
    result = fit(recogniser, config, splits, directory, sys.stderr, status)
    status.update(state="evaluating", progress=None, seconds_left=None)
    # Meanwhile versions can have been published or removed.
    reference = find_reference(models, source.spec, source.is_image_folder)
    version = None
    with tempfile.TemporaryDirectory(prefix="version-") as temporary:
        version_dir = Path(temporary)
        draft = write_candidate(
            result, config, source, fingerprints.training, splits, reference, version_dir
        )
        if failure := find_failure(draft.metrics, config.min_accuracy):
            raise QualityGateError(failure)
        comparison = draft.metrics.comparison
        if comparison:
            log.info("%s", describe_comparison(comparison))
        if reference and comparison and is_inferior(comparison) and not config.publish_worse:
            reason = describe_comparison(comparison)
            log.info(
                "the new model is not published: it is worse than version %d", reference.version
            )
            status.end("rejected", reason)
            write_rejection(
                directory,
                Rejection(
                    training_fingerprint=fingerprints.training,
                    reference_fingerprint=reference.manifest.training_fingerprint,
                    reason=reason,
                ),
            )
        else:
            version = publish(version_dir, models, draft, uploader.upload if uploader else None)
            status.update(state="published", version=version)
    try:
        if version is not None:
            if uploader:
                uploader.record(version)
            pruned = prune(models, draft, reference)
            if uploader:
                uploader.remove(pruned)
        if not result.history.is_out_of_time:  # otherwise it can resume with a higher time limit
            CheckpointStore(directory).clear()
    except (ArtifactError, OSError) as error:
        log.warning("cleaning up after the training failed: %s", error)
    return draft, version


def log_learning_curve(config: TrainingConfig, splits: Splits, accuracy: float) -> None:
    """Log which accuracy is expected with more labels of an image folder.

    The training is finished before, so errors and Ctrl-C end only this measurement.
    """
    from trainer.evaluation.learning_curve import (  # noqa: PLC0415
        describe_learning_curve,
        measure_learning_curve,
    )

    log.info("measuring the learning curve with two trainings on parts of the images")
    try:
        curve = measure_learning_curve(config, splits, accuracy, sys.stderr)
        log.info("learning curve: %s", describe_learning_curve(curve))
    except (TrainerError, OSError) as error:
        log.warning("the learning curve could not be measured: %s", error)
    except KeyboardInterrupt:
        log.info("the learning curve was stopped")


def _describe_spec(spec: CaptchaSpec) -> str:
    """Return a readable name that is valid on every file system."""
    length = spec.length_range.replace(" ", "")
    return f"{length}of{len(spec.charset)}-{spec.width}x{spec.height}"
