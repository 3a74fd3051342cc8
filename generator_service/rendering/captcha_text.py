"""The text of a captcha, generated from a seed."""

from __future__ import annotations

from generator_service.rendering.seeded_random import SeededRandom
from shared.captchas.spec import CaptchaSpec

_random = SeededRandom()


def generate_text(spec: CaptchaSpec, seed: int, index: int) -> str:
    """Return the text of captcha `index` of `seed`; takes microseconds.

    Every length and every character is equally likely. The rendering style has no influence.
    """
    sequence = _random.reseed("text", seed, index)
    length = spec.length
    # With a fixed length no random number is drawn; drawing one would change the texts of existing
    # seeds.
    if spec.is_variable:
        length = spec.shortest + _random.randbelow(spec.length - spec.shortest + 1)
    return "".join(sequence.choices(spec.charset, k=length))
