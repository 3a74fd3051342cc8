from __future__ import annotations

import numpy as np
import pytest

from shared.captchas.labels import encode
from shared.captchas.spec import CaptchaSpec
from trainer.audit.attack.measurement import Measurement
from trainer.audit.attack.measurer import Measurer
from trainer.audit.captchas.audit_captchas import AuditCaptchas
from trainer.audit.plan import Task
from trainer.data.splits import Split
from trainer.training import self_training

# A 3x5 font: digits that nothing distorts.
SHAPES = {
    "0": "111101101101111", "1": "010110010010111", "2": "111001111100111", "3": "111001111001111",
    "4": "101101111001001", "5": "111100111001111", "6": "111100111101111", "7": "111001010010010",
    "8": "111101111101111", "9": "111101111001111",
}  # fmt: skip
SPEC = CaptchaSpec(length=3, width=96, height=32)


def draw_clean(texts: list[str], rng: np.random.Generator) -> np.ndarray:
    """Draw digits in fixed places; the last bits of the background make every image different."""
    images = rng.integers(253, 256, (len(texts), SPEC.height, SPEC.width), dtype=np.uint8)
    for image, text in zip(images, texts, strict=True):
        for position, character in enumerate(text):
            bits = np.array(list(SHAPES[character]), np.uint8).reshape(5, 3)
            glyph = np.kron(bits, np.ones((5, 7), np.uint8)) * 255  # (25, 21)
            left = 6 + 30 * position
            image[3:28, left : left + 21] -= np.minimum(image[3:28, left : left + 21], glyph)
    return images


def build_captchas(is_blank: bool, labelled: int, tested: int) -> AuditCaptchas:
    rng = np.random.default_rng(3)
    splits = []
    for count in (labelled, tested):
        # Each text once, so that a prediction that ignores the image is correct for one in 1,000.
        texts = [f"{number:03}" for number in rng.permutation(1_000)[:count]]
        images = draw_clean([""] * count if is_blank else texts, rng)
        splits.append(Split(SPEC, images, encode(texts, SPEC)))
    return AuditCaptchas(splits[0], splits[1], 0)


def measure(captchas: AuditCaptchas, *tasks: Task) -> list[Measurement]:
    measurer = Measurer(SPEC, seed=1)
    return [measurer.measure(task, captchas, lambda _: None) for task in tasks]


@pytest.mark.slow
def test_blank_images_come_out_at_chance() -> None:
    captchas = build_captchas(is_blank=True, labelled=250, tested=1_000)

    results = measure(
        captchas, Task("bundled", 0, 0, 1_000), Task("bundled", 250, 40, 1_000),
        Task("scratch", 250, 100, 1_000),
    )  # fmt: skip

    for result in results:
        low, _ = result.accuracy.accuracy_interval_95
        assert low <= 1e-3, "1,000 different texts are equally likely"
        truths, predicted = "".join(result.texts), "".join(result.predictions)
        characters = [t == p for t, p in zip(truths, predicted, strict=True)]
        assert abs(np.mean(characters) - 0.1) < 0.04


@pytest.mark.slow
def test_clean_digits_are_predicted_with_very_few_images() -> None:
    captchas = build_captchas(is_blank=False, labelled=250, tested=500)

    (result,) = measure(captchas, Task("scratch", 250, 400, 500))

    assert result.accuracy.accuracy == 1


@pytest.mark.slow
def test_an_attacker_without_labels_trains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 9)
    captchas = build_captchas(is_blank=False, labelled=250, tested=500)

    untrained, trained = measure(
        captchas, Task("bundled", 0, 0, 500), Task("bundled", 0, 150, 500, unlabelled=200)
    )

    assert (trained.labels, trained.unlabelled) == (0, 200)
    assert trained.train_cpu_s > 0
    assert trained.predictions != untrained.predictions
    assert sum(trained.confidences) > sum(untrained.confidences)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_predictions_whatever_was_measured_before() -> None:
    captchas = build_captchas(is_blank=False, labelled=128, tested=100)
    task = Task("scratch", 128, 20, 100)

    (first,) = measure(captchas, task)
    _, second = measure(captchas, Task("scratch", 64, 30, 100), task)

    assert first.predictions == second.predictions
    assert first.confidences == second.confidences


@pytest.mark.slow
def test_a_measurement_reports_its_steps_and_its_cost() -> None:
    captchas = build_captchas(is_blank=False, labelled=128, tested=100)
    reported: list[int] = []

    result = Measurer(SPEC, seed=1).measure(
        # 128 captchas are two batches, so 21 steps are not possible.
        Task("scratch", 128, 21, 100),
        captchas,
        reported.append,
    )

    assert reported == sorted(reported)
    assert result.steps == reported[-1] == 20
    assert result.train_cpu_s > 0
    assert 0 < result.ms_per_attempt < 1_000
    assert result.texts[0].isdecimal()
