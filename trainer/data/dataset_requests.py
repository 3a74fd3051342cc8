"""The datasets that a training requests from the generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.captchas.spec import CaptchaSpec, Style
from shared.versions.manifest import IMAGE_FOLDER_KEY
from trainer.config import SplitName, TrainingConfig, derive_split_seed

CONFUSABLE = "confusable"
"""Subset of captchas that contain confusable characters only."""
OTHER_SIZES = "other sizes"
"""Subset of captchas of other image sizes."""


@dataclass(frozen=True)
class CaptchaSource:
    """The captchas that a generator renders."""

    spec: CaptchaSpec
    renderer: dict[str, object]
    """Versions of the rendering libraries and digests of the fonts."""
    renderer_fingerprint: str

    @property
    def is_image_folder(self) -> bool:
        """Whether the captchas come from an image folder alone."""
        return IMAGE_FOLDER_KEY in self.renderer

    def with_options(
        self, style: Style, charset: str | None = None, size: tuple[int, int] | None = None
    ) -> CaptchaSource:
        """Return the captchas of the same generator with other options.

        Args:
            style: the style.
            charset: some of the characters; all of them by default.
            size: width and height in pixels; those of the generator by default.
        """
        spec = self.spec
        width, height = size or (spec.width, spec.height)
        charset = charset or spec.charset
        spec = replace(spec.with_style(style), charset=charset, width=width, height=height)
        return replace(self, spec=spec)


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
    # In hundreds of fonts, many confusable characters are the same glyph. Synthetic captchas have
    # many sizes in any case.
    other_styles = tuple(style for style in styles if style != "synthetic")
    regular = [source.with_options(style) for style in styles]
    synthetic = [source.with_options("synthetic")]
    charsets = config.confusable_sets_in(source.spec.charset)
    confusable = [source.with_options(s, charset) for charset in charsets for s in other_styles]
    confusable_count = round(config.confusable_fraction * config.captchas) if confusable else 0
    sizes = config.other_sizes
    resized = [source.with_options(s, size=size) for size in sizes for s in other_styles or styles]
    wanted: tuple[tuple[SplitName, str, int, list[CaptchaSource]], ...] = (
        ("train", "", config.captchas - confusable_count, regular),
        ("train", "", config.synthetic_captchas, synthetic),
        ("train", CONFUSABLE, confusable_count, confusable),
        ("train", OTHER_SIZES, config.other_size_captchas, resized),
        ("validation", "", config.validation_captchas, regular),
        ("test", "", config.test_captchas, regular),
    )
    next_start: dict[SplitName, int] = {"train": 0, "validation": 0, "test": 0}
    for split, subset, total, variants in wanted:
        for i, variant in enumerate(variants):
            count = total // len(variants) + (i < total % len(variants))
            if count:
                yield DatasetRequest(
                    split=split,
                    subset=subset or variant.spec.style,
                    source=variant,
                    seed=derive_split_seed(config.seed, split),
                    start=next_start[split],
                    count=count,
                )
            next_start[split] += count
