"""Results as an audit could have them. The numbers are invented: they only test the report."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from trainer.audit.results import (
    AttackCost,
    AuditResults,
    CharacterResult,
    ConfusedPair,
    CurvePoint,
    GalleryImage,
    ImagesNeeded,
    Init,
    Legibility,
    PositionResult,
    ProtectionEffect,
    Setting,
    Verdict,
)
from trainer.evaluation.accuracy import measure_accuracy

CHARSET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_N = 2_000
_BUNDLED = {0: 0.031, 100: 0.22, 250: 0.41, 500: 0.58, 1_000: 0.71, 2_000: 0.83, 5_000: 0.914}
_SCRATCH = {100: 0.0, 250: 0.0005, 500: 0.004, 1_000: 0.06, 2_000: 0.31, 5_000: 0.77}
_EFFECTS = {
    ("noise_curves", "doubled", 2): (0.52, 0.55),
    ("rotation", "doubled", 60): (0.58, 0.48),
    ("overlap", "doubled", 0.5): (0.60, 0.51),
    ("noise_dots", "doubled", 60): (0.69, 0.57),
    ("warp", "doubled", 2.0): (0.70, 0.66),
    ("warp", "off", 0.0): (0.72, 0.72),
    ("noise_dots", "off", 0): (0.74, 0.79),
    ("rotation", "off", 0): (0.80, 0.77),
    ("overlap", "off", 0.0): (0.83, 0.73),
    ("noise_curves", "off", 0): (0.86, 0.72),
}


def build_example(**changes: Any) -> AuditResults:
    """Return the results of an audit, with some fields changed."""
    values: dict[str, Any] = {
        "created_at": "2026-01-02T03:04:05+00:00",
        "command": "python -m trainer audit --style classic --length 5 --charset 'A-Z<>'",
        "mode": "default",
        "seed": 1,
        "seconds": 512.3,
        "setting": _build_setting(),
        "network": "compact",
        "parameters": 1_234_567,
        "test_captchas": _N,
        "curve": (*build_curve("bundled", _BUNDLED), *build_curve("scratch", _SCRATCH)),
        "images_needed": build_needed(0, 45, 373, 4_440, 642, 1_140, 2_950, None),
        "cost": AttackCost(
            labels=5_000,
            init="bundled",
            train_cpu_minutes=1.9,
            ms_per_attempt=2.4,
            attempts_per_hour=1_500_000,
            successes_per_hour=1_371_000,
        ),
        "characters": tuple(
            CharacterResult(character=c, accuracy=0.999 - 0.0035 * i, n=300 + i)
            for i, c in enumerate(CHARSET)
        ),
        "positions": tuple(
            PositionResult(position=i, accuracy=0.99 - 0.006 * i, n=_N) for i in range(1, 6)
        ),
        "pairs": (
            ConfusedPair(truth="8", predicted="B", count=22, fraction=0.067),
            ConfusedPair(truth="Z", predicted="2", count=17, fraction=0.053),
            ConfusedPair(truth="V", predicted="", count=3, fraction=0.009),
        ),
        "hardest": _build_gallery(8, correct=False),
        "easiest": _build_gallery(8, correct=True),
        "samples": _build_gallery(8, correct=True, start=8),
        "legibility": Legibility(estimate=0.63, lowest_tenth=0.44, n=200),
        "protections": tuple(
            ProtectionEffect(
                protection=name,
                change=change,
                value=value,
                without_labels=accuracy_of(0.03),
                with_labels=accuracy_of(accuracy),
                labels=1_000,
                cost_points=round(100 * (_BUNDLED[1_000] - accuracy), 2),
                legibility=Legibility(estimate=legible, lowest_tenth=legible - 0.2, n=200),
            )
            for (name, change, value), (accuracy, legible) in _EFFECTS.items()
        ),
        "warnings": ("3 rendered captchas were equal to a test captcha",),
        "verdict": Verdict(level="broken", summary="It is broken.", paragraph="A bot passes it."),
        "fail_above": "0.01@1000",
        "is_above_limit": True,
        "versions": {"keras": "3.9", "numpy": "2.3", "tensorflow": "2.21"},
    }
    return AuditResults(**(values | changes))


def accuracy_of(fraction: float, n: int = _N) -> Any:
    """Return an accuracy with its interval."""
    return measure_accuracy(np.arange(n) < round(fraction * n))


def build_curve(init: Init, accuracies: dict[int, float], n: int = _N) -> tuple[CurvePoint, ...]:
    """Return the points of one initialisation."""
    return tuple(
        CurvePoint(
            labels=labels,
            init=init,
            accuracy=accuracy_of(accuracy, n),
            steps=labels and 300,
            train_cpu_s=float(labels and 20),
        )
        for labels, accuracy in accuracies.items()
    )


def build_self_trained(accuracy: float, n: int = _N) -> CurvePoint:
    """Return an attacker that trained itself on 1,000 images without labels."""
    return CurvePoint(
        labels=0,
        unlabelled=1_000,
        init="bundled",
        accuracy=accuracy_of(accuracy, n),
        steps=1_000,
        train_cpu_s=60.0,
    )


def build_needed(*images: int | None) -> tuple[ImagesNeeded, ...]:
    """Return the images for 1, 10, 50 and 90 %: bundled, then scratch."""
    rates: list[tuple[Init, float]] = [
        (init, rate) for init in ("bundled", "scratch") for rate in (0.01, 0.1, 0.5, 0.9)
    ]
    return tuple(
        ImagesNeeded(rate=rate, init=init, images=count)
        for (init, rate), count in zip(rates, images, strict=True)
    )


def encode_png(pixels: Any) -> str:
    """Return grey pixels as a PNG in base64."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="png")
    return base64.b64encode(out.getvalue()).decode()


def build_images(count: int, start: int = 0) -> tuple[list[Any], list[str]]:
    """Return rendered captchas and their texts."""
    from generator_service.rendering.captcha_text import generate_text
    from generator_service.rendering.image_renderer import render_grey
    from generator_service.rendering.render_options import RenderOptions
    from shared.captchas.spec import CaptchaSpec

    spec, options = CaptchaSpec(CHARSET, 5, style="classic"), RenderOptions()
    texts = [generate_text(spec, 5, index) for index in range(start, start + count)]
    images = [render_grey(spec, options, text, 5, start + i) for i, text in enumerate(texts)]
    return images, texts


def _build_setting() -> Setting:
    spec: dict[str, Any] = {
        "charset": CHARSET,
        "length": 5,
        "width": 160,
        "height": 60,
        "style": "classic",
        "effects": {"noise_curves": 1, "rotation": 30},
    }
    return Setting(
        name="classic-5of32-160x60",
        spec=spec,
        image_folder=None,
        labelled_images=None,
        renderer={"captcha": "0.7.1", "Pillow": "12.0"},
    )


def _build_gallery(count: int, correct: bool, start: int = 0) -> tuple[GalleryImage, ...]:
    images, texts = build_images(count, start)
    return tuple(
        GalleryImage(
            image=encode_png(image),
            label=text,
            prediction=text if correct else "B" + text[1:-1],
            confidence=0.9991 if correct else 0.213,
        )
        for image, text in zip(images, texts, strict=True)
    )
