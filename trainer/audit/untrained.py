"""The attacker without labels: the bundled model, restricted to what the captchas can show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.artifacts import verify
from shared.bundled_model import BUNDLED_MODEL, BUNDLED_VERSION
from shared.images import fit_size
from shared.restriction import Predictions, Restriction, predict_texts
from shared.spec import CaptchaSpec
from trainer.publishing.export import load_exported


class UntrainedAttacker:
    """Predicts as the inference service does without a training."""

    def __init__(self, spec: CaptchaSpec) -> None:
        """Load the bundled model.

        Args:
            spec: the captchas. Characters and lengths that the bundled model does not know are
                never predicted, so captchas with them are wrong.

        Raises:
            ArtifactError: if the bundled model is damaged.
        """
        directory = BUNDLED_MODEL / str(BUNDLED_VERSION)
        self._spec = verify(directory).captcha_spec
        self._restriction = restrict(self._spec, spec)
        self._predict = load_exported(directory)

    def predict(self, images: npt.NDArray[np.uint8]) -> Predictions:
        """Return the most likely texts of images of any size, uint8 (N, height, width)."""
        if self._restriction is None:
            return Predictions([""] * len(images), [], np.zeros(len(images)))
        sized = np.stack([fit_size(image, self._spec) for image in images])
        return predict_texts(self._predict(sized), self._spec, self._restriction)


def restrict(model_spec: CaptchaSpec, spec: CaptchaSpec) -> Restriction | None:
    """Return the texts of the captchas that a model can predict; None if there are none."""
    charset = "".join(c for c in spec.charset if c in model_spec.charset)
    shortest = max(spec.shortest, model_spec.shortest)
    longest = min(spec.length, model_spec.length)
    return Restriction(charset, shortest, longest) if charset and shortest <= longest else None


def describe_unknown(spec: CaptchaSpec) -> str | None:
    """Return what the bundled model cannot predict, for a warning; None if it is nothing."""
    model_spec = verify(BUNDLED_MODEL / str(BUNDLED_VERSION)).captcha_spec
    parts = []
    if unknown := sorted(set(spec.charset) - set(model_spec.charset)):
        parts.append(f"the characters {''.join(unknown)!r}")
    if not model_spec.shortest <= spec.shortest <= spec.length <= model_spec.length:
        parts.append(f"other lengths than {model_spec.length_range}")
    if not parts:
        return None
    return (
        f"the bundled model does not know {' and '.join(parts)}: without labels, it cannot predict"
        " captchas with them"
    )
