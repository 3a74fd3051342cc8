"""The attacker without labels: the bundled model, restricted to what the captchas can show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.captchas.images import fit_size
from shared.captchas.restriction import Predictions, predict_texts
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import verify
from shared.versions.bundled_model import BUNDLED_DIR
from trainer.audit.captchas.coverage import restrict
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
        self._spec = verify(BUNDLED_DIR).captcha_spec
        self._restriction = restrict(self._spec, spec)
        self._predict = load_exported(BUNDLED_DIR)

    def predict(self, images: npt.NDArray[np.uint8]) -> Predictions:
        """Return the most likely texts of images of any size, uint8 (N, height, width)."""
        if self._restriction is None:
            return Predictions([""] * len(images), [], np.zeros(len(images)))
        sized = np.stack([fit_size(image, self._spec) for image in images])
        return predict_texts(self._predict(sized), self._spec, self._restriction)
