"""A question: a word, and eight tiles of which some show it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from generator_service.pictures.pictograms import PICTOGRAMS
from generator_service.pictures.tile import draw_tile
from generator_service.rendering.seeded_random import SeededRandom

TILES = 8
_MIN_RIGHT, _MAX_RIGHT = 2, 4
_WORDS = tuple(PICTOGRAMS)

_random = SeededRandom()


@dataclass(frozen=True)
class PictureQuestion:
    """A question with its label.

    Attributes:
        word: what the right tiles show.
        tiles: the tiles as PNG.
        words: what each tile shows.
    """

    word: str
    tiles: tuple[bytes, ...]
    words: tuple[str, ...]

    @property
    def answer(self) -> list[int]:
        """The positions of the right tiles, from 0, in order."""
        return [position for position, word in enumerate(self.words) if word == self.word]


def draw_question(seed: int) -> PictureQuestion:
    """Return the question of a seed: two to four right tiles among eight."""
    rng = _random.reseed("pictures", seed, 0)
    word = rng.choice(_WORDS)
    others = [other for other in _WORDS if other != word]
    right = rng.randint(_MIN_RIGHT, _MAX_RIGHT)
    words = [word] * right + [rng.choice(others) for _ in range(TILES - right)]
    rng.shuffle(words)
    tiles = []
    for shown in words:
        out = io.BytesIO()
        draw_tile(rng.choice(PICTOGRAMS[shown]), rng).save(out, format="png")
        tiles.append(out.getvalue())
    return PictureQuestion(word, tuple(tiles), tuple(words))
