"""Short runs of the fuzzers; `make fuzz` sets FUZZ_SECONDS for longer ones."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from generator_service.app import create_app as create_generator
from generator_service.rendering.render_options import RenderOptions
from generator_service.settings import Settings as GeneratorSettings
from generator_service.worker_pool import WorkerPool
from inference_service.app import create_app as create_inference
from inference_service.engines import OpenVinoEngine
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings as InferenceSettings
from shared.captchas.images import ImageError, decode_image
from shared.captchas.spec import CaptchaSpec
from tests.fuzz.seed_images import encode_seed_images
from tests.serving import running, wait_ready

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SECONDS = os.environ.get("FUZZ_SECONDS")
# Short runs use the same seed every time, so that they do not fail at random.
SEED = None if SECONDS else 1


def run_fuzzer(command: list[str], cwd: Path, seconds: str) -> str:
    """Return the output of a fuzzer; fail with its end if it reports a failure."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.fuzz.api_images",
    }
    # A process that is started from this one inherits its peak memory, of two gigabytes after tests
    # with TensorFlow, which libFuzzer would take for the decoder's. The child of a shell does not.
    shell = ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run(
        [*shell, sys.executable, "-m", *command],
        cwd=cwd,
        env=environment,
        timeout=int(seconds) + 120,
        check=False,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-8_000:]
    return done.stdout


def fuzz_api(client: httpx.Client, document: str, directory: Path, seconds: str) -> None:
    command = ["schemathesis.cli", "--no-color", f"--config-file={FOLDER / 'schemathesis.toml'}"]
    command += ["run", str(client.base_url.join(document)), f"--max-time={seconds}"]
    # Sequences of requests find nothing more: no route changes anything.
    command += ["--phases=examples,coverage,fuzzing"]
    # Once in fifteen runs a request got no response within 10 s; the cause is not known.
    command += ["--request-timeout=30", "--request-retries=1"]
    command += ["--continue-on-failure", *([f"--seed={SEED}"] if SEED else [])]
    print(run_fuzzer(command, directory, seconds))


def list_statuses(client: httpx.Client, route: str) -> set[str]:
    """Return the statuses of a route's responses, from the service's own metrics."""
    line = rf'requests_total{{route="{route}",status="(\d+)"}} '
    return set(re.findall(line, client.get("/metrics").text))


def create_inference_app(bundled_model: Path | None, directory: Path) -> object:
    settings = InferenceSettings.load(models_dir=directory)
    store = ModelStore(settings.versions_dir, OpenVinoEngine, bundled_model=bundled_model)
    return create_inference(settings, store)


def test_the_seed_images_reach_every_outcome_of_the_decoder() -> None:
    outcomes = set()
    for image in encode_seed_images():
        try:
            decode_image(image, CaptchaSpec())
            outcomes.add("pixels")
        except ImageError as error:
            outcomes.add(type(error).__name__)
    errors = {"AnimatedImage", "ImageTooLarge", "UnreadableImage"}
    assert outcomes == {"pixels", *errors}


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="atheris has wheels for Linux on x86-64 only",
)
def test_the_decoder_only_raises_image_errors_on_mutated_images(tmp_path: Path) -> None:
    seconds = SECONDS or "3"
    seed = [f"-seed={SEED}"] if SEED else []
    output = run_fuzzer(["tests.fuzz.fuzz_decoder", seconds, str(tmp_path), *seed], ROOT, seconds)
    print(output[-2_000:])
    runs = re.search(r"Done (\d+) runs", output)
    assert runs is not None
    assert int(runs[1]) > 1_000


def test_the_inference_service_conforms_to_its_openapi_document(tmp_path: Path) -> None:
    app = create_inference_app(InferenceSettings.load().bundled_model, tmp_path)
    with running(app) as client:
        wait_ready(client)
        # Otherwise the requests did not reach parsing, decoding and prediction.
        expected = {"200", "400", "422"}
        for _ in range(3):  # a busy machine sends too few requests at once
            fuzz_api(client, "/openapi.json", tmp_path, SECONDS or "10")
            if expected <= list_statuses(client, "/predict"):
                break
        assert expected <= list_statuses(client, "/predict")
        assert {"200", "400"} <= list_statuses(client, "/predict/batch")


@pytest.mark.slow
def test_the_inference_service_without_a_model_conforms_to_its_openapi_document(
    tmp_path: Path,
) -> None:
    with running(create_inference_app(None, tmp_path)) as client:
        fuzz_api(client, "/openapi.json", tmp_path, "5")
        statuses = list_statuses(client, "/predict")
        assert "503" in statuses
        assert statuses <= {"503", "422"}


def test_the_generator_conforms_to_its_openapi_document(tmp_path: Path) -> None:
    # Small datasets, because this test is about their responses, not about throughput.
    settings = GeneratorSettings.load(processes=1, max_dataset=20)
    pool = WorkerPool(settings.spec, RenderOptions(fonts=settings.fonts), settings.processes)
    with running(create_generator(settings, pool)) as client:
        wait_ready(client)
        fuzz_api(client, "/captcha/openapi.json", tmp_path, SECONDS or "4")
        for route in ("/captcha", "/captcha.png", "/captcha.wav", "/dataset"):
            assert {"200", "422"} <= list_statuses(client, route), route
