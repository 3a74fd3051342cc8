"""Numbers as the report and the verdict write them."""

from __future__ import annotations

SECONDS_PER_LABEL = 10
"""Time in which a person types one captcha; the mean for text captchas in Bursztein et al., "How
Good are Humans at Solving CAPTCHAs?" (2010)."""

_SPACE = "\N{NO-BREAK SPACE}"


def format_percent(fraction: float) -> str:
    """Return a fraction in percent, with more digits near 0 and 100 %."""
    return f"{_write_percent(fraction, _choose_digits(fraction))}{_SPACE}%"


def format_interval(interval: tuple[float, float]) -> str:
    """Return the two ends of an interval in percent, with the same number of digits."""
    ends = [min(max(end, 0.0), 1.0) for end in interval]
    digits = max(map(_choose_digits, ends))
    low, high = (_write_percent(end, digits) for end in ends)
    return f"{low} to {high}{_SPACE}%"


def _choose_digits(fraction: float) -> int:
    return 2 if min(fraction, 1 - fraction) < 0.01 else 1


def _write_percent(fraction: float, digits: int) -> str:
    if fraction in {0, 1}:
        return f"{100 * fraction:.0f}"
    text = f"{100 * fraction:.{digits}f}"
    # A value that is not 0 or 100 % must not be rounded to it.
    if float(text) in {0, 100}:
        return "below 0.01" if fraction < 0.01 else "above 99.99"
    return text


def format_count(number: float) -> str:
    """Return a count with thousands separated; small fractions keep two significant digits."""
    return f"{number:,.0f}" if number >= 10 or number == round(number) else f"{number:.2g}"


def format_points(points: float) -> str:
    """Return signed percentage points with a true minus sign."""
    return format_signed(points, 1)


def format_signed(number: float, digits: int) -> str:
    """Return a number with its sign; what is rounded to zero has none."""
    text = f"{number:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]


def format_duration(seconds: float) -> str:
    """Return a duration in the unit in which people say it."""
    for unit, limit_s, unit_s in (("second", 90, 1), ("minute", 5400, 60), ("hour", 172_800, 3600)):
        if seconds < limit_s:
            return _count_units(seconds / unit_s, unit)
    return _count_units(seconds / 86_400, "day")


def format_work(images: int) -> str:
    """Return how long a person needs to label a number of images."""
    return format_duration(images * SECONDS_PER_LABEL)


def _count_units(number: float, unit: str) -> str:
    text = f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"
    return f"{text}{_SPACE}{unit}{'' if text == '1' else 's'}"
