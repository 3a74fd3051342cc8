"""The floor: the web stack of the inference service with nothing behind it.

It takes the whole request and answers always the same. What ours takes longer than this is
unpacking, decoding and reading. Run as `python -m tests.benchmarks.constant_server PORT`.
"""

import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

TEXT = "0000"
ANSWER = b'{"success":true,"prediction":"%s","debug":"predicted"}' % TEXT.encode()


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        return "pong"

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        await request.body()
        return Response(ANSWER, media_type="application/json")

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), access_log=False, log_config=None)
