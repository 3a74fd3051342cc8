"""Servers that the inference service is compared with.

`python -m tests.benchmarks.reference_servers course|ddddocr|constant PORT` runs one of them.
"""

from __future__ import annotations

import io
import json
import sys
from functools import partial
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response, UploadFile
from PIL import Image

from shared.captchas.spec import CaptchaSpec

SPEC = CaptchaSpec()
CONSTANT_TEXT = "0000"


def run_course(port: int) -> None:
    """Run the course's service, written again: Flask's development server and `model.predict`.

    The weights are random, because only the speed is measured.
    """
    import flask

    from trainer.networks import NETWORKS

    app, model = flask.Flask(__name__), NETWORKS["course"](SPEC)
    assert model.count_params() == 1_292_744, "this is not the course's network"

    @app.route("/ping")
    def ping() -> str:
        return "pong"

    @app.route("/predict", methods=["POST"])
    def predict() -> flask.Response:
        image = Image.open(io.BytesIO(flask.request.files["image"].read())).convert("RGB")
        grey = (np.asarray(image) @ np.array((0.299, 0.587, 0.114)) / 255).astype(np.float32)
        scores = model.predict(grey[np.newaxis, :, :, np.newaxis], verbose=0)
        digits = scores.reshape(SPEC.length, SPEC.classes).argmax(axis=1)
        return flask.jsonify(describe_prediction("".join(SPEC.charset[digit] for digit in digits)))

    app.run(port=port)


def create_ddddocr() -> Any:
    """Return ddddocr, a general captcha recogniser, on one thread."""
    import ddddocr
    import onnxruntime

    # By default onnxruntime starts a thread per core of the machine and pins it there, even if the
    # process is restricted to one core. ddddocr has no option for it.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession = partial(onnxruntime.InferenceSession, sess_options=options)
    # With `set_ranges("0123456789")` it is as accurate as by default, on 100 captchas.
    return ddddocr.DdddOcr(show_ad=False)


def create_ddddocr_app() -> FastAPI:
    """Return ddddocr on the web stack of the inference service."""
    recogniser, app = create_ddddocr(), FastAPI()

    # FastAPI runs a function without `async` in a thread, off the event loop.
    @app.post("/predict")
    def predict(image: UploadFile) -> dict[str, Any]:
        return describe_prediction(recogniser.classification(image.file.read()))

    return app


def create_constant_app() -> FastAPI:
    """Return the web stack of the inference service with a constant response: the upper limit."""
    app = FastAPI()
    body = json.dumps(describe_prediction(CONSTANT_TEXT)).encode()

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        await request.body()
        return Response(body, media_type="application/json")

    return app


def describe_prediction(text: str) -> dict[str, Any]:
    return {"success": True, "prediction": text, "debug": "predicted"}


if __name__ == "__main__":
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "course":
        run_course(port)
    else:
        app = create_ddddocr_app() if name == "ddddocr" else create_constant_app()
        app.add_api_route("/ping", lambda: "pong")
        uvicorn.run(app, port=port, access_log=False, log_config=None)
