"""What the benchmark compares: a model version as the inference service runs it, and ddddocr."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from inference_service.engines import OpenVinoEngine
from inference_service.models.model_loading import load_version
from shared.captchas.images import ImageError, decode_image
from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec

MODELS = ("default", "beta")
"""The two models that ddddocr contains."""


class VersionRecogniser:
    """A model version with OpenVINO on one thread, picture by picture."""

    def __init__(self, version: Path) -> None:
        self._model = load_version(version.resolve(), OpenVinoEngine)

    @property
    def spec(self) -> CaptchaSpec:
        """The captchas that the version predicts."""
        return self._model.spec

    def predict(self, files: Sequence[bytes], restriction: Restriction) -> list[str | None]:
        """Return the texts of PNG files; None for a picture that the service rejects."""
        restriction = _narrow(restriction, self.spec)
        texts: list[str | None] = []
        for file in files:
            try:
                image = decode_image(file, self.spec)
            except ImageError:
                texts.append(None)
                continue
            probabilities = self._model.engine.predict(image[np.newaxis])
            texts += predict_texts(probabilities, self.spec, restriction).texts
        return texts


def _narrow(restriction: Restriction, spec: CaptchaSpec) -> Restriction:
    """Return what both allow: a version that was trained on labels knows only their characters.

    Raises:
        ValueError: if the version cannot predict any text of the restriction.
    """
    charset = "".join(c for c in restriction.charset if c in spec.charset)
    shortest = max(restriction.min_length, spec.shortest)
    longest = min(restriction.max_length, spec.length)
    if not charset or shortest > longest:
        raise ValueError(
            f"the version predicts {spec.length_range} of {spec.charset!r}, not"
            f" {restriction.min_length} to {restriction.max_length} of {restriction.charset!r}"
        )
    return Restriction(charset, shortest, longest)


class DdddOcr:
    """ddddocr on one thread, restricted to the characters of a design.

    Its `set_ranges` only deletes other characters from the answer. Here they are excluded before
    the most likely ones are chosen, from the probabilities that its option `probability` returns.
    The option converts 180,000 of them to Python lists, so the model is called directly.
    """

    def __init__(self, model: str) -> None:
        import ddddocr
        import onnxruntime

        # By default onnxruntime starts a thread per core and pins it there; ddddocr has no option.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        original = onnxruntime.InferenceSession
        onnxruntime.InferenceSession = partial(original, sess_options=options)
        try:
            self._ocr = ddddocr.DdddOcr(show_ad=False, beta=model == "beta")
        finally:
            onnxruntime.InferenceSession = original
        self._engine = self._ocr.ocr_engine
        self._input = self._engine.session.get_inputs()[0].name

    def predict(self, files: Sequence[bytes], restriction: Restriction) -> list[str | None]:
        """Return the most likely texts of PNG files with these characters, of any length."""
        symbols = self._engine.get_charset()
        texts: list[str | None] = []
        for file in files:
            with Image.open(io.BytesIO(file)) as image:
                pixels = self._engine._preprocess_image(image, png_fix=False)
            scores = self._engine.session.run(None, {self._input: pixels})[0]  # (steps, 1, classes)
            texts.append(decode_ctc(scores[:, 0], symbols, restriction.charset))
        return texts


def decode_ctc(scores: np.ndarray, symbols: Sequence[str], charset: str) -> str:
    """Return the text of the most likely class of each step, among a charset.

    Args:
        scores: (steps, classes); class 0 is the blank of CTC.
        symbols: what each class shows.
        charset: the characters that can appear.
    """
    classes = [0, *(symbols.index(character) for character in charset)]
    best = scores[:, classes].argmax(axis=1)
    return "".join(charset[step - 1] for step, _ in groupby(best.tolist()) if step)
