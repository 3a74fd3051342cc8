"""What the generator is to be asked for: which captchas, how drawn, for which split."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from trainer.client import Source
from trainer.config import TrainingConfig
from trainer.dataset import LOOK_ALIKES


@dataclass(frozen=True)
class Share:
    """Captchas start..start+count-1 of the seed of a split."""

    split: str
    origin: str
    source: Source
    """The generator, with drawing and charset."""
    start: int
    count: int


def list_shares(config: TrainingConfig, source: Source) -> Iterator[Share]:
    """All that the generator is to be asked for; nothing if a folder is trained on alone.

    Each drawing has captchas of its own: one index drawn twice would be one captcha twice, with
    the same text, colours and angles. So have look-alikes, which come after the others.
    """
    if not config.captchas:
        return
    everything = (source.spec.charset,)
    look_alikes = config.list_look_alikes(source.spec.charset)
    wanted = (
        ("train", "", config.captchas, everything),
        ("train", LOOK_ALIKES, config.look_alike_captchas, look_alikes),
        ("validation", "", config.validation_captchas, everything),
        ("test", "", config.test_captchas, everything),
    )
    starts = dict.fromkeys(config.split_seeds, 0)
    for split, origin, count, charsets in wanted:
        kinds = list(itertools.product(charsets, config.drawing_names))
        for i, (charset, drawing) in enumerate(kinds):
            share = count // len(kinds) + (i < count % len(kinds))
            if share:
                drawn = source.asked_for(drawing, charset)
                yield Share(split, origin or drawing, drawn, starts[split], share)
            starts[split] += share
