"""The bundled model in this repository, whatever captchas it was trained for."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.image_renderer import render_grey
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.seeded_random import MAX_SEED
from inference_service.engines import OpenVinoEngine
from inference_service.models.model_loading import LoadedModel, load_version
from inference_service.models.version_choice import choose_restriction
from shared.captchas.restriction import Restriction
from shared.captchas.spec import STYLES, CaptchaSpec, Style
from shared.versions.artifacts import MANIFEST, read_manifest, verify
from shared.versions.bundled_model import BUNDLED_MODEL
from shared.versions.manifest import Manifest
from tests.benchmarks.non_captchas import list_images

ROOT = Path(__file__).parents[2]
# Every clone and every container image contains it.
MAX_BYTES = 4_000_000
FRESH_CAPTCHAS = 1_500
# Far from the three seeds of any training.
FRESH_SEED = MAX_SEED
Z_999 = 3.290527  # 99.9 % of a normal distribution are within this many standard deviations


BY_SUBSET = read_manifest(BUNDLED_MODEL / "0").metrics.by_subset


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return verify(BUNDLED_MODEL / "0")


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_version(BUNDLED_MODEL / "0", OpenVinoEngine, "bundled")


def test_it_consists_of_the_files_in_its_manifest(manifest: Manifest) -> None:
    version = BUNDLED_MODEL / "0"
    found = {p.relative_to(version).as_posix(): p for p in version.rglob("*") if p.is_file()}
    assert set(found) == {MANIFEST, *manifest.files}
    assert sum(path.stat().st_size for path in found.values()) < MAX_BYTES


def test_git_and_the_container_images_keep_its_bytes() -> None:
    # Git must not convert line endings: the manifest contains the SHA-256 of every file.
    assert "0/** -text" in (BUNDLED_MODEL / ".gitattributes").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "!shared" in ignored
    assert not [
        line for line in ignored if re.search(r"\.pb|\.json|shared/bundled|variables", line)
    ]
    for folder in ("inference_service", "trainer"):
        assert "\nCOPY shared shared\n" in (ROOT / folder / "Dockerfile").read_text()


def test_it_predicts_the_captchas_of_a_generator_with_default_settings(
    manifest: Manifest,
) -> None:
    restriction = choose_restriction(manifest, "bundled", CaptchaSpec())
    assert restriction == Restriction.from_spec(CaptchaSpec())


def test_its_readme_names_the_seed_and_the_accuracy_of_its_manifest(manifest: Manifest) -> None:
    readme = (BUNDLED_MODEL / "README.md").read_text()
    (command,) = re.findall(r"^python -m trainer\b.*", readme, re.MULTILINE)
    assert command.startswith("python -m trainer --preset ")
    assert command.endswith(f" --seed {manifest.config['seed']}")
    for style, subset in manifest.metrics.by_subset.items():
        low, high = subset.accuracy_interval_95
        assert (
            f"| `{style}`, {subset.n:,} | {subset.accuracy:.2%} | {low:.2%} to {high:.2%} |"
        ).replace("%", " %").replace(" % to", " to") in readme


def test_its_claimed_accuracy_is_within_its_interval_and_passes_the_quality_gate(
    manifest: Manifest,
) -> None:
    metrics = manifest.metrics
    low, high = metrics.accuracy_interval_95
    assert low <= metrics.accuracy <= high
    assert metrics.n == manifest.config["test_captchas"]
    assert metrics.accuracy >= manifest.config["min_accuracy"]


@pytest.mark.parametrize("style", [s for s in STYLES if s in BY_SUBSET])
def test_its_accuracy_on_new_captchas_agrees_with_its_manifest(
    manifest: Manifest, model: LoadedModel, style: Style
) -> None:
    spec, options = replace(model.spec, style=style), RenderOptions()
    texts = [generate_text(spec, FRESH_SEED, i) for i in range(FRESH_CAPTCHAS)]
    images = np.stack(
        [render_grey(spec, options, text, FRESH_SEED, i) for i, text in enumerate(texts)]
    )  # (N, height, width)
    predictions = model.predict(images, [Restriction.from_spec(spec)] * FRESH_CAPTCHAS)
    correct = sum(p.text == text for p, text in zip(predictions, texts, strict=True))
    claimed_low, _ = manifest.metrics.by_subset[style].accuracy_interval_95
    # The number of correct predictions is binomial; allow 3.3 standard deviations.
    deviation = math.sqrt(FRESH_CAPTCHAS * claimed_low * (1 - claimed_low))
    least = FRESH_CAPTCHAS * claimed_low - Z_999 * deviation
    assert correct >= least, f"{correct:,} of {FRESH_CAPTCHAS:,} correct, claimed {claimed_low:.2%}"


def test_images_without_the_expected_captcha_have_a_low_confidence(model: LoadedModel) -> None:
    for kind, images in list_images(300).items():
        restrictions = [Restriction.from_spec(CaptchaSpec())] * len(images)
        confident = sum(p.confidence > 0.5 for p in model.predict(images, restrictions))
        assert confident <= 0.02 * len(images), kind
