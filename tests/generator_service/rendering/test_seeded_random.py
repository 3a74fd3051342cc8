from __future__ import annotations

import random
import secrets

import captcha.image
import pytest

from generator_service.rendering.seeded_random import (
    MAX_SEED,
    SeededRandom,
    generate_seed,
    load_seeded_module,
)


def test_seed_index_and_purpose_determine_the_numbers() -> None:
    def numbers(purpose: str, seed: int, index: int) -> list[int]:
        source = SeededRandom()
        source.reseed(purpose, seed, index)
        random.seed(1)  # the global generator has no influence
        return [source.randbelow(1_000) for _ in range(8)]

    assert numbers("text", 5, 9) == numbers("text", 5, 9)
    others = [numbers("picture", 5, 9), numbers("text", 6, 9), numbers("text", 5, 8)]
    assert numbers("text", 5, 9) not in others


def test_randbelow_returns_the_numbers_of_randrange() -> None:
    for bound in (1, 2, 3, 10, 256, 257):
        source = SeededRandom()
        reference = source.reseed("text", 1, 0).getstate()
        python = random.Random()
        python.setstate(reference)
        assert [source.randbelow(bound) for _ in range(50)] == [
            python.randrange(bound) for _ in range(50)
        ]


def test_random_seeds_are_in_range_and_differ() -> None:
    seeds = {generate_seed() for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_the_library_that_others_import_still_uses_secrets() -> None:
    load_seeded_module("captcha.image", SeededRandom())
    assert captcha.image.secrets is secrets


def test_a_module_that_does_not_use_secrets_is_rejected() -> None:
    with pytest.raises(RuntimeError, match="cannot be seeded"):
        load_seeded_module("wave", SeededRandom())


def test_a_module_that_does_not_exist_is_rejected() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_seeded_module("no_such_module", SeededRandom())
