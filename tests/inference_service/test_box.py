"""The model that lies in the repository: whole, explained, and as good as it says."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from generator_service.drawing import draw_grey, draw_text
from generator_service.randomness import MAX_SEED
from inference_service.engines import LOADERS
from inference_service.models import ModelStore, load_version
from shared.artifacts import MANIFEST, Manifest, verify
from shared.spec import DRAWINGS, CaptchaSpec
from trainer.config import TrainingConfig
from trainer.evaluation import wilson_interval
from trainer.options import read_config

ROOT = Path(__file__).parents[2]
BOX = ROOT / "inference_service" / "box"
# It is in every clone and every image.
MAX_BYTES = 3_000_000
FRESH_CAPTCHAS = 3_000
Z_999 = 3.290527  # of the normal distribution, 99.9 % lie within
# Far above the three seeds of any training.
FRESH_SEED = MAX_SEED


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return verify(BOX / "0")


def test_the_box_holds_what_the_manifest_names_and_nothing_else(manifest: Manifest) -> None:
    found = {p.relative_to(BOX / "0").as_posix(): p for p in BOX.glob("0/**/*") if p.is_file()}
    assert set(found) == {MANIFEST, *manifest.files}
    assert sum(path.stat().st_size for path in found.values()) < MAX_BYTES


def test_git_and_the_images_take_the_box_along() -> None:
    # What the manifest's SHA-256 holds must come out of a clone byte for byte.
    assert "0/** -text" in (BOX / ".gitattributes").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "!inference_service" in ignored
    assert not [line for line in ignored if re.search(r"\.pb|\.json|box|variables", line)]
    assert (
        "COPY inference_service inference_service"
        in (ROOT / "inference_service" / "Dockerfile").read_text()
    )


def test_it_reads_the_captchas_of_a_generator_with_default_settings(manifest: Manifest) -> None:
    assert manifest.captcha_spec == CaptchaSpec()


def test_its_readme_tells_the_command_that_made_it(manifest: Manifest) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (BOX / "README.md").read_text(), re.DOTALL)
    (command,) = re.findall(r"^python -m trainer\b.*", "\n".join(blocks), re.MULTILINE)
    assert f"--seed {manifest.config['seed']}" in command
    told = read_config({}, shlex.split(command)[3:]).to_dict()
    # A hyperparameter that came later was not there to be told.
    assert {key: told[key] for key in manifest.config} == manifest.config


def test_its_manifest_claims_an_accuracy_that_passes_the_gate(manifest: Manifest) -> None:
    low, high = manifest.metrics["accuracy_interval_95"]
    assert low <= manifest.metrics["accuracy"] <= high
    assert manifest.metrics["n"] == manifest.config["test_captchas"]
    assert manifest.metrics["accuracy"] >= TrainingConfig().min_accuracy


@pytest.mark.parametrize("engine", LOADERS)
def test_each_engine_reads_its_golden_captcha_as_the_trainer_did(engine: str) -> None:
    loaded = load_version(BOX / "0", partial(LOADERS[engine], threads=1))
    assert loaded.version == 0


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_fresh_captchas_are_read_as_well_as_its_manifest_claims(
    manifest: Manifest, tmp_path: Path, drawing: str
) -> None:
    store = ModelStore(tmp_path, partial(LOADERS["openvino"], threads=1), box=BOX)
    store.refresh()
    assert store.current is not None
    spec = replace(store.current.spec, drawing=drawing)
    texts = [draw_text(spec, FRESH_SEED, i) for i in range(FRESH_CAPTCHAS)]
    images = np.stack(
        [draw_grey(spec, (), text, FRESH_SEED, i) for i, text in enumerate(texts)]
    )  # (N, height, width)
    readings = store.current.read(images)
    right = sum(reading.text == text for reading, text in zip(readings, texts, strict=True))
    _, high = wilson_interval(right, FRESH_CAPTCHAS, Z_999)
    claimed_low, _ = manifest.metrics["by_origin"][drawing]["accuracy_interval_95"]
    assert high >= claimed_low, f"{right:,} of {FRESH_CAPTCHAS:,} read, claimed {claimed_low:.2%}"
