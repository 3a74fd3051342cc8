"""The datasets that a training requests from the generator."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.spec import CaptchaSpec, Style
from trainer.config import SplitName, TrainingConfig

CONFUSABLE = "confusable"
"""Subset of captchas that contain confusable characters only."""


@dataclass(frozen=True)
class CaptchaSource:
    """The captchas that a generator renders."""

    spec: CaptchaSpec
    renderer: dict[str, object]
    """Versions of the rendering libraries and digests of the fonts."""
    renderer_fingerprint: str

    def with_options(self, style: Style, charset: str) -> CaptchaSource:
        """Return the captchas of the same generator in another style and with fewer characters."""
        return replace(self, spec=replace(self.spec.with_style(style), charset=charset))


@dataclass(frozen=True)
class DatasetRequest:
    """Captchas start..start+count-1 of a seed, for one subset of a split."""

    split: SplitName
    subset: str
    source: CaptchaSource
    seed: int
    start: int
    count: int


def list_requests(config: TrainingConfig, source: CaptchaSource) -> Iterator[DatasetRequest]:
    """Yield the requests of a training; none if it uses an image folder alone.

    Each style gets indices of its own. One index in two styles would be the same captcha twice,
    with equal text, colours and angles.
    """
    if not config.captchas:
        return
    styles = config.choose_styles(source.spec.style)
    regular = _combine((source.spec.charset,), styles)
    synthetic = _combine((source.spec.charset,), ("synthetic",))
    confusable = _combine(
        config.confusable_sets_in(source.spec.charset),
        # In hundreds of fonts, many confusable characters are the same glyph.
        tuple(style for style in styles if style != "synthetic") or styles,
    )
    wanted: tuple[tuple[SplitName, str, int, list[tuple[str, Style]]], ...] = (
        ("train", "", config.captchas, regular),
        ("train", "", config.synthetic_captchas, synthetic),
        ("train", CONFUSABLE, config.confusable_captchas, confusable),
        ("validation", "", config.validation_captchas, regular),
        ("test", "", config.test_captchas, regular),
    )
    next_start: dict[SplitName, int] = {"train": 0, "validation": 0, "test": 0}
    for split, subset, total, variants in wanted:
        for i, (charset, style) in enumerate(variants):
            count = total // len(variants) + (i < total % len(variants))
            if count:
                yield DatasetRequest(
                    split=split,
                    subset=subset or style,
                    source=source.with_options(style, charset),
                    seed=config.split_seed(split),
                    start=next_start[split],
                    count=count,
                )
            next_start[split] += count


def _combine(charsets: tuple[str, ...], styles: tuple[Style, ...]) -> list[tuple[str, Style]]:
    return list(itertools.product(charsets, styles))
