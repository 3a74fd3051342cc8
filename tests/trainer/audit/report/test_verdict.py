"""The verdict."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pytest

from tests.trainer.audit.report.example import (
    build_curve,
    build_example,
    build_needed,
    build_self_trained,
    encode_png,
)
from trainer.audit.report.verdict import BARELY_LEGIBLE, NOT_LEGIBLE, decide_level, decide_verdict
from trainer.audit.results import AuditResults, CharacterResult, GalleryImage, Legibility

_NOTHING = build_needed(*[None] * 8)


def results(without: float, trained: float = 0.0, n: int = 2_000, **changes: Any) -> AuditResults:
    """Return results with two points, and images that the rates do not add to."""
    curve = build_curve("bundled", {0: without, 5_000: trained}, n)
    return build_example(**({"curve": curve, "images_needed": _NOTHING} | changes))


def guessing(accuracy: float = 0.1, n: int = 800) -> tuple[CharacterResult, ...]:
    return tuple(CharacterResult(character=c, accuracy=accuracy, n=n) for c in string.digits)


def pictures(*pixels: Any) -> tuple[GalleryImage, ...]:
    return tuple(
        GalleryImage(image=encode_png(p), label=str(i), prediction="1", confidence=0.1)
        for i, p in enumerate(pixels)
    )


def blank() -> tuple[GalleryImage, ...]:
    return pictures(*[np.full((60, 160), 230 + i, np.uint8) for i in range(8)])


def noise() -> tuple[GalleryImage, ...]:
    rng = np.random.default_rng(0)
    return pictures(*[rng.integers(0, 256, (60, 160), np.uint8) for _ in range(8)])


def legible(estimate: float) -> Legibility:
    return Legibility(estimate=estimate, lowest_tenth=estimate / 2, n=100)


def test_one_in_a_hundred_without_labels_is_broken() -> None:
    assert decide_level(results(0.01)) == "broken"
    assert decide_level(results(0.0095)) == "weak"


def test_one_in_a_hundred_after_a_self_training_is_broken() -> None:
    curve = (*build_curve("bundled", {0: 0.004, 5_000: 0.6}), build_self_trained(0.3))
    verdict = decide_verdict(results(0, curve=curve))
    assert verdict.level == "broken"
    expected = "30.0 % of these captchas completely after training itself on 1,000 of them without"
    assert expected in verdict.paragraph.replace("\N{NO-BREAK SPACE}", " ")


def test_a_self_training_that_does_not_help_is_not_mentioned() -> None:
    curve = (*build_curve("bundled", {0: 0.3, 5_000: 0.6}), build_self_trained(0.2))
    paragraph = decide_verdict(results(0, curve=curve)).paragraph
    assert "without having seen a single labelled one" in paragraph
    assert "itself" not in paragraph


def test_half_with_up_to_a_thousand_images_is_broken() -> None:
    needed = build_needed(0, 500, 1_000, None, None, None, None, None)
    assert decide_level(results(0, 0.6, images_needed=needed)) == "broken"
    needed = build_needed(0, 500, 1_001, None, None, None, None, None)
    assert decide_level(results(0, 0.6, images_needed=needed)) == "weak"


def test_below_one_percent_is_resistant_only_if_the_interval_is_below_it() -> None:
    assert decide_level(results(0, 0.004)) == "resistant_to_this_attacker"
    assert decide_level(results(0, 0.009)) == "weak"
    assert decide_level(results(0, 0, n=100)) == "weak"  # 0 of 100 can be 3 %


def test_too_few_test_captchas_are_named() -> None:
    assert "too few test captchas" in decide_verdict(results(0, 0, n=100)).summary


@pytest.mark.parametrize("samples", [blank(), noise(), pictures(*[np.eye(60, dtype=np.uint8)] * 8)])
def test_a_guessing_attacker_on_blank_noisy_or_equal_images_means_not_legible(
    samples: tuple[GalleryImage, ...],
) -> None:
    verdict = decide_verdict(results(0, 0, characters=guessing(), samples=samples, legibility=None))
    assert verdict.level == "not_legible"
    assert "Nobody can read them" in verdict.paragraph


def test_a_guessing_attacker_on_real_images_is_resistant_and_a_person_has_to_look() -> None:
    verdict = decide_verdict(results(0, 0, characters=guessing(), legibility=None))
    assert verdict.level == "resistant_to_this_attacker"
    assert "check that a person can read the images" in verdict.paragraph


def test_characters_better_than_a_guess_are_not_called_illegible() -> None:
    better = results(0, 0, characters=guessing(accuracy=0.12), samples=noise(), legibility=None)
    assert decide_level(better) == "resistant_to_this_attacker"


def test_frequent_characters_are_a_guess() -> None:
    characters = (
        CharacterResult(character="0", accuracy=1, n=7_000),
        CharacterResult(character="1", accuracy=0, n=3_000),
    )
    assert decide_level(results(0, 0, characters=characters, samples=blank())) == "not_legible"


def test_an_attacker_that_passes_is_never_covered_by_illegibility() -> None:
    broken = results(0.2, 0.9, samples=blank(), legibility=legible(0.01))
    assert decide_level(broken) == "broken"


def test_low_legibility_is_told_at_its_thresholds() -> None:
    def paragraph(estimate: float) -> str:
        return decide_verdict(results(0.2, legibility=legible(estimate))).paragraph

    assert "barely legible" not in paragraph(BARELY_LEGIBLE)
    assert "barely legible" in paragraph(BARELY_LEGIBLE - 0.01)
    assert "barely legible" in paragraph(NOT_LEGIBLE)
    assert "hardly read them at all" in paragraph(NOT_LEGIBLE - 0.01)


@pytest.mark.parametrize(
    "found", [results(0.5), results(0, 0.3), results(0, 0.001), results(0, 0, samples=blank())]
)
def test_no_verdict_calls_a_captcha_safe_and_every_one_names_what_replaces_it(
    found: AuditResults,
) -> None:
    verdict = decide_verdict(found)
    assert "does not show that any text captcha is safe" in verdict.paragraph
    for word in ("rate limits", "proof of work", "passkeys", "e-mail", "WCAG"):
        assert word in verdict.paragraph
    assert "\n" not in verdict.paragraph


def test_the_paragraph_has_the_one_percent_rule_and_plain_units() -> None:
    paragraph = decide_verdict(build_example()).paragraph.replace("\xa0", " ")
    assert "A bot that passes 1 in 100 is already a bot" in paragraph
    assert "15 % of its attempts and made 100,000 attempts a day" in paragraph
    assert "about 370 labelled images, which is 62 minutes of one person's typing" in paragraph
    assert "1,500,000 attempts an hour, of which 1,371,000 succeed" in paragraph


def test_the_number_of_images_is_an_upper_bound_at_the_first_point() -> None:
    curve = build_curve("bundled", {0: 0, 100: 0.9})
    needed = build_needed(100, 100, 100, 100, None, None, None, None)
    verdict = decide_verdict(build_example(curve=curve, images_needed=needed))
    assert "needs at most 100 labelled images" in verdict.paragraph


def test_the_verdict_does_not_depend_on_the_placeholder() -> None:
    results = build_example()
    decided = results.model_copy(update={"verdict": decide_verdict(results)})
    assert decide_verdict(decided) == decided.verdict
