from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from generator_service.rendering.captcha_text import generate_text
from shared.captchas.spec import STYLES, CaptchaSpec

SPEC = CaptchaSpec()


def test_published_seeds_keep_their_texts() -> None:
    assert [generate_text(SPEC, 5, index) for index in range(3)] == ["6455", "0902", "9141"]


def test_the_style_does_not_change_the_text() -> None:
    assert {generate_text(replace(SPEC, style=style), 5, 0) for style in STYLES} == {"6455"}


def test_texts_have_the_charset_and_length_of_the_spec() -> None:
    text = generate_text(CaptchaSpec(charset="XYZ", length=6), 1, 0)
    assert len(text) == 6
    assert set(text) <= set("XYZ")


def test_characters_are_uniformly_distributed_at_every_position() -> None:
    texts = [generate_text(SPEC, 1, index) for index in range(5_000)]
    counts = np.array(
        [[sum(t[p] == c for t in texts) for c in SPEC.charset] for p in range(SPEC.length)]
    )
    # 500 expected in each of 40 cells; chi-square with 36 degrees of freedom, p = 1e-6.
    assert ((counts - 500) ** 2 / 500).sum() < 96


def test_lengths_are_uniformly_distributed() -> None:
    spec = CaptchaSpec(min_length=2, length=5)
    lengths = Counter(len(generate_text(spec, 1, index)) for index in range(4_000))
    assert set(lengths) == {2, 3, 4, 5}
    # 1,000 expected of each; chi-square with 3 degrees of freedom, p = 1e-6.
    assert sum((n - 1_000) ** 2 / 1_000 for n in lengths.values()) < 30.7
