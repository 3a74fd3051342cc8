"""Transfer of weights from a published version to a network for other captchas."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Manifest
from trainer.errors import TrainingError
from trainer.networks.blocks import CLASSIFIER, SCORES

log = logging.getLogger(__name__)

Weights = Mapping[str, npt.NDArray[np.float32]]
"""Arrays by the path of their variable, such as `stem_conv/kernel`."""


def read_weights(version_dir: Path) -> Weights:
    """Return the weights of a SavedModel."""
    loaded = tf.saved_model.load(str(version_dir))
    variables = loaded.signatures["serving_default"].variables
    return {v.name.removesuffix(":0"): v.numpy() for v in variables}


def transfer_weights(
    recogniser: keras.Model, spec: CaptchaSpec, version_dir: Path, manifest: Manifest
) -> None:
    """Initialise a network with the weights of a version.

    Layers of equal shape are copied. The classifier takes over the rows of the characters that both
    specs contain, and the attention those of the positions; the others keep their random values.

    Args:
        recogniser: network for `spec`, changed in place.
        spec: the captchas that it will predict.
        version_dir: directory of the version.
        manifest: its manifest.

    Raises:
        TrainingError: if the version has another network.
    """
    source_spec = manifest.captcha_spec
    weights = read_weights(version_dir)
    missing = [v.path for v in recogniser.variables if v.path not in weights]
    if missing:
        raise TrainingError(
            f"the bundled model has the network {manifest.config.get('network')} without"
            f" {missing[0]}; choose this network, or set TRAIN_INIT=scratch"
        )
    for variable in recogniser.variables:
        old, new = weights[variable.path], variable.numpy()
        layer = variable.path.partition("/")[0]
        if old.shape[:-1] != new.shape[:-1]:
            raise TrainingError(f"{variable.path} has shape {new.shape}, the version {old.shape}")
        if layer == CLASSIFIER:
            ours, theirs = _match_classes(spec, source_spec)
            new[..., ours] = old[..., theirs]
        elif layer == SCORES:
            # (..., maps * columns), the maps of a position side by side
            columns = old.shape[-1] // source_spec.length
            count = min(spec.length, source_spec.length) * columns
            new[..., :count] = old[..., :count]
        else:
            new = old
        variable.assign(new)
    unknown = sorted(set(spec.charset) - set(source_spec.charset))
    log.info(
        "weights taken over from version %s%s",
        version_dir.name,
        f", except for the characters {''.join(unknown)!r}" if unknown else "",
    )


def _match_classes(spec: CaptchaSpec, source_spec: CaptchaSpec) -> tuple[list[int], list[int]]:
    """Return the class indices of the classes that both specs have, in the same order."""
    common = [c for c in spec.charset if c in source_spec.charset]
    ours = [spec.charset.index(c) for c in common]
    theirs = [source_spec.charset.index(c) for c in common]
    if spec.is_variable and source_spec.is_variable:  # the end class is the last one
        ours.append(len(spec.charset))
        theirs.append(len(source_spec.charset))
    return ours, theirs
