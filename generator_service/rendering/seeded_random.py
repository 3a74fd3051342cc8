"""Seeded random numbers, in the place of the `secrets` module that the captcha library uses."""

from __future__ import annotations

import importlib.util
import random
import secrets
from types import ModuleType
from typing import Any

MAX_SEED = 2**53 - 1  # the largest integer that every JSON parser represents exactly


def generate_seed() -> int:
    """Return an unpredictable seed from 0 to MAX_SEED."""
    return secrets.randbelow(MAX_SEED + 1)


class SeededRandom:
    """The functions of `secrets` that the captcha library calls, with seeded numbers.

    The same seed and index give the same numbers on every machine: Python hashes a string seed
    with SHA-512, and the Mersenne Twister is specified. Do not use it for keys or passwords.
    """

    def __init__(self) -> None:
        self._random = random.Random()

    def reseed(self, purpose: str, seed: int, index: int) -> random.Random:
        """Start the sequence for captcha `index` of `seed`.

        Args:
            purpose: name of the sequence, so that text, image and audio are independent. A
                renamed purpose changes every captcha of every seed.
            seed: seed of the dataset.
            index: position of the captcha in the dataset.

        Returns:
            The generator of the sequence.
        """
        self._random.seed(f"{purpose}:{seed}:{index}")
        return self._random

    def fraction(self) -> float:
        """Return a number from 0 to below 1, computed as the captcha library does."""
        return self.randbits(32) / 2**32

    def randbelow(self, exclusive_upper_bound: int) -> int:
        """Return a number from 0 to below the bound, as `secrets.randbelow` does."""
        # This takes a third of the time of `random.randrange`, for the same numbers. It returns
        # half of the random numbers of a captcha.
        bits = exclusive_upper_bound.bit_length()
        getrandbits = self._random.getrandbits
        while (number := getrandbits(bits)) >= exclusive_upper_bound:
            pass
        return number

    def randbits(self, k: int) -> int:
        """Return a number of k random bits, as `secrets.randbits` does."""
        return self._random.getrandbits(k)

    def choice(self, sequence: Any) -> Any:
        """Return a random element, as `secrets.choice` does."""
        return sequence[self.randbelow(len(sequence))]


def load_seeded_module(module_name: str, source: SeededRandom) -> ModuleType:
    """Return a private copy of a library module that takes its random numbers from `source`.

    captcha 0.7 uses `secrets`, which cannot be seeded. Other importers of the library are
    unaffected.

    Raises:
        ModuleNotFoundError: if the module is not installed.
        RuntimeError: if the module does not use `secrets`.
    """
    found = importlib.util.find_spec(module_name)
    if found is None or found.loader is None:
        raise ModuleNotFoundError(module_name)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if not hasattr(module, "secrets"):
        raise RuntimeError(f"{module_name} does not use secrets, so it cannot be seeded")
    module.secrets = source  # type: ignore[attr-defined]
    return module
