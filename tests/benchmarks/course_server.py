"""The course's service: Flask's development server, and `model.predict` for every request.

Written afresh from what the course shows. The weights are random: they decide what it answers,
not how fast. Run as `python -m tests.benchmarks.course_server PORT`.
"""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from flask import Flask, Response, jsonify, request
from PIL import Image

from shared.spec import CaptchaSpec
from trainer.networks import build_course

SPEC = CaptchaSpec()
PARAMETERS = 1_292_744
LUMA = (0.299, 0.587, 0.114)


def create_app(model: keras.Model) -> Flask:
    app = Flask(__name__)

    @app.route("/ping", methods=["GET", "POST"])
    def ping() -> str:
        return "pong"

    @app.route("/predict", methods=["POST"])
    def predict() -> Response:
        answer: dict[str, Any] = {"success": False, "prediction": "", "debug": "error"}
        picture = None
        if "image" in request.files:
            answer["debug"] = "get image"
            picture = request.files["image"].read()
        elif request.is_json:
            answer["debug"] = "get json"
            picture = base64.b64decode(request.get_json()["image"])
        if picture is not None:
            scores = model.predict(to_input(picture), verbose=0)  # (1, length * charset)
            answer |= {"success": True, "prediction": to_text(scores[0]), "debug": "predicted"}
        return jsonify(answer)

    return app


def to_input(picture: bytes) -> npt.NDArray[np.float32]:
    """float32 (1, height, width, 1), 0 black to 1 white."""
    rgb = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return (rgb @ np.array(LUMA) / 255).astype(np.float32)[np.newaxis, :, :, np.newaxis]


def to_text(scores: npt.NDArray[np.float32]) -> str:
    rows = scores.reshape(SPEC.length, len(SPEC.charset))
    return "".join(SPEC.charset[digit] for digit in rows.argmax(axis=1))


if __name__ == "__main__":
    network = build_course(SPEC)
    assert network.count_params() == PARAMETERS
    create_app(network).run(port=int(sys.argv[1]))
