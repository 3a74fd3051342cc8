"""What the bundled model can predict of some captchas without a training."""

from __future__ import annotations

from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import verify
from shared.versions.bundled_model import BUNDLED_DIR


def restrict(model_spec: CaptchaSpec, spec: CaptchaSpec) -> Restriction | None:
    """Return the texts of the captchas that a model can predict; None if there are none."""
    charset = "".join(c for c in spec.charset if c in model_spec.charset)
    shortest = max(spec.shortest, model_spec.shortest)
    longest = min(spec.length, model_spec.length)
    return Restriction(charset, shortest, longest) if charset and shortest <= longest else None


def describe_unknown(spec: CaptchaSpec) -> str | None:
    """Return what the bundled model cannot predict, for a warning; None if it is nothing."""
    model_spec = verify(BUNDLED_DIR).captcha_spec
    parts = []
    if unknown := sorted(set(spec.charset) - set(model_spec.charset)):
        parts.append(f"the characters {''.join(unknown)!r}")
    if not model_spec.shortest <= spec.shortest <= spec.length <= model_spec.length:
        parts.append(f"other lengths than {model_spec.length_range}")
    if not parts:
        return None
    return (
        f"the bundled model does not know {' and '.join(parts)}: without labels, it cannot predict"
        " captchas with them"
    )
