"""ddddocr, a kept general captcha reader, behind the web stack that ours uses.

Run as `python -m tests.benchmarks.ddddocr_server PORT`.
"""

import sys
from functools import partial
from typing import Any

import ddddocr
import onnxruntime
import uvicorn
from fastapi import FastAPI, UploadFile
from fastapi.responses import PlainTextResponse


def create_app(reader: ddddocr.DdddOcr) -> FastAPI:
    app = FastAPI()

    @app.get("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        return "pong"

    # No `async`: FastAPI runs it in a thread, off the event loop.
    @app.post("/predict")
    def predict(image: UploadFile) -> dict[str, Any]:
        text = reader.classification(image.file.read())
        return {"success": True, "prediction": text, "debug": "predicted"}

    return app


def one_thread_per_call() -> None:
    """Keeps onnxruntime on the core that the server is held to.

    Left alone it starts a thread for every core of the machine and pins it there, whatever the
    process may use; ddddocr hands no option through.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession = partial(onnxruntime.InferenceSession, sess_options=options)


if __name__ == "__main__":
    one_thread_per_call()
    # Of 100 captchas `set_ranges("0123456789")` reads as many as the default, `set_ranges(0)` none.
    app = create_app(ddddocr.DdddOcr(show_ad=False))
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_config=None)
