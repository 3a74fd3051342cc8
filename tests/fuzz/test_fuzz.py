"""Fuzzing, short here and longer with `make fuzz`, which sets FUZZ_SECONDS."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from generator_service.app import create_app as create_generator
from generator_service.renderer import Renderer
from generator_service.settings import Settings as GeneratorSettings
from inference_service.app import create_app
from inference_service.engines import LOADERS
from inference_service.models import ModelStore
from inference_service.settings import Settings
from shared.images import ImageError, decode_image
from shared.spec import CaptchaSpec
from tests.fuzz.seeds import seeds
from tests.serving import running, wait_ready

ROOT = Path(__file__).parents[2]
SECONDS = os.environ.get("FUZZ_SECONDS")
# A change that lands must not be stopped by luck: the short runs throw the same dice every time.
SEED = None if SECONDS else 1


def run(command: list[str], cwd: Path, seconds: str) -> str:
    """What the fuzzer printed; fails with its end if it found something."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.fuzz.api_pictures",
    }
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd, env=environment, timeout=int(seconds) + 120, check=False,
        text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8_000:]
    return done.stdout


def fuzz_api(client: httpx.Client, document: str, folder: Path, seconds: str) -> None:
    command = ["schemathesis.cli", "--no-color", "--config-file"]
    command += [str(Path(__file__).with_name("schemathesis.toml")), "run"]
    command += [str(client.base_url.join(document)), f"--max-time={seconds}"]
    command += ["--continue-on-failure", *([f"--seed={SEED}"] if SEED else [])]
    print(run(command, folder, seconds))


def statuses(client: httpx.Client, route: str) -> dict[str, int]:
    """How often the route gave each status, by the service's own count."""
    line = rf'requests_total{{route="{route}",status="(\d+)"}} ([\d.]+)'
    found = re.findall(line, client.get("/metrics").text)
    return {status: int(float(count)) for status, count in found}


@pytest.fixture
def serve(models: Path) -> Callable[[Path], object]:
    def app(root: Path) -> object:
        settings = Settings.from_environment({"MODELS_DIR": str(root.parent)})
        store = ModelStore(root, partial(LOADERS["openvino"], threads=1))
        return running(create_app(settings, store))

    return app


def test_the_seeds_reach_every_end_of_the_decoder() -> None:
    ends = set()
    for seed in seeds():
        try:
            decode_image(seed, CaptchaSpec())
            ends.add("pixels")
        except ImageError as error:
            ends.add(type(error).__name__)
    assert ends == {
        "pixels", "AnimatedImage", "ImageTooLarge", "UnreadableImage", "WrongImageSize",
    }  # fmt: skip


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="atheris has wheels for Linux on x86-64 only",
)
def test_the_decoder_holds_against_mutated_pictures(tmp_path: Path) -> None:
    seconds = SECONDS or "10"
    seed = [f"-seed={SEED}"] if SEED else []
    printed = run(["tests.fuzz.fuzz_decoder", seconds, str(tmp_path), *seed], ROOT, seconds)
    print(printed[-2_000:])
    runs = re.search(r"Done (\d+) runs", printed)
    assert runs is not None
    assert int(runs[1]) > 1_000


def test_the_inference_service_keeps_to_its_api_document(
    serve: Callable, models: Path, tmp_path: Path
) -> None:
    with serve(models) as client:
        wait_ready(client)
        fuzz_api(client, "/openapi.json", tmp_path, SECONDS or "20")
        seen = statuses(client, "/predict")
        print(seen)
        # Else the fuzzer did not get past the door.
        assert {"200", "400", "422"} <= set(seen)


def test_the_inference_service_without_a_model_keeps_to_its_api_document(
    serve: Callable, tmp_path: Path
) -> None:
    with serve(tmp_path / "captcha") as client:
        fuzz_api(client, "/openapi.json", tmp_path, "5")
        assert set(statuses(client, "/predict")) == {"503", "422"}


def test_the_generator_keeps_to_its_api_document(tmp_path: Path) -> None:
    # Small datasets: the question is whether they are right, not how many fit into the time.
    settings = GeneratorSettings.from_environment({"RENDER_PROCESSES": "1", "MAX_DATASET": "20"})
    renderer = Renderer(CaptchaSpec(), (), settings.processes)
    with running(create_generator(settings, renderer)) as client:
        wait_ready(client)
        fuzz_api(client, "/captcha/openapi.json", tmp_path, SECONDS or "10")
        for route in ("/captcha", "/captcha.png", "/captcha.wav", "/dataset"):
            assert {"200", "422"} <= set(statuses(client, route)), route
