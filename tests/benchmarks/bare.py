"""The stages of one answer, each alone in a loop, without any server.

`python -m tests.benchmarks.bare VERSION_DIR SECONDS` prints how often each runs in a second, as
JSON: "form" (the upload's form to the bytes of its image), "decoder" (to pixels), "engine" (the
network), "answer" (all of it, to the JSON that is sent), and "rested" (the same after a pause, as
requests find it that do not come one on the other's heels).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

from generator_service.drawing import list_pngs
from inference_service.engines import OpenVinoEngine
from inference_service.models import load_version
from inference_service.reading import Job, read
from inference_service.uploads import Upload
from shared.images import decode_image
from tests.load import BOUNDARY, predict_shot

PAUSE_S = 0.005


def rate(call: Callable[[], object], seconds: float) -> float:
    """Calls per second."""
    calls, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        call()
        calls += 1
    return calls / passed


def rate_rested(call: Callable[[], object], seconds: float) -> float:
    """Calls per second of calling alone, with a pause before each."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        time.sleep(PAUSE_S)
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1 / median(times)


def main(version: Path, seconds: float) -> None:
    model = load_version(version, partial(OpenVinoEngine, threads=1))
    captchas = list_pngs(model.spec, (), seed=1, start=0, stop=50)
    pixels = cycle([decode_image(png, model.spec)[None] for _, png in captchas])
    pngs = cycle([png for _, png in captchas])
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    bodies = [predict_shot(png, text).request.partition(b"\r\n\r\n")[2] for text, png in captchas]
    uploads = cycle([Upload(content_type, body) for body in bodies])
    stages: dict[str, Callable[[], object]] = {
        "form": lambda: next(uploads).image_bytes(),
        "decoder": lambda: decode_image(next(pngs), model.spec),
        "engine": lambda: model.engine.predict(next(pixels)),
        "answer": lambda: read(model, [Job(next(uploads), details=False)]),
    }
    rates = {name: rate(call, seconds) for name, call in stages.items()}
    rates["rested"] = rate_rested(stages["answer"], seconds)
    print(json.dumps(rates))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
