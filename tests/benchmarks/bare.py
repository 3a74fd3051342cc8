"""Decoder and engine of the inference service in a loop, without any server.

`python -m tests.benchmarks.bare VERSION_DIR SECONDS` prints images per second of each as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

from generator_service.drawing import list_pngs
from inference_service.engines import OpenVinoEngine
from inference_service.models import load_version
from shared.images import decode_image


def rate(call: Callable[[], object], seconds: float) -> float:
    """Calls per second."""
    calls, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        call()
        calls += 1
    return calls / passed


def main(version: Path, seconds: float) -> None:
    model = load_version(version, partial(OpenVinoEngine, threads=1))
    pngs = [png for _, png in list_pngs(model.spec, (), seed=1, start=0, stop=50)]
    images = cycle([decode_image(png, model.spec)[None] for png in pngs])
    sources = cycle(pngs)
    engine = rate(lambda: model.engine.predict(next(images)), seconds)
    decoder = rate(lambda: decode_image(next(sources), model.spec), seconds)
    print(json.dumps({"engine": engine, "decoder": decoder}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
