"""A source of random numbers that the captcha library takes for the `secrets` module."""

from __future__ import annotations

import importlib.util
import random
from types import ModuleType
from typing import Any

MAX_SEED = 2**53 - 1  # the largest whole number that every JSON reader keeps exact


class SeededSource:
    """Has the functions of `secrets` that the captcha library uses, drawn from a seed.

    The same seed and index give the same numbers on every machine: Python hashes a string
    seed with SHA-512, and the Mersenne Twister is specified. Not for keys or passwords.
    """

    def __init__(self) -> None:
        self._random = random.Random()

    def restart(self, purpose: str, seed: int, index: int) -> random.Random:
        """Begin the sequence that this purpose has for captcha `index` of `seed`."""
        self._random.seed(f"{purpose}:{seed}:{index}")
        return self._random

    def randbelow(self, exclusive_upper_bound: int) -> int:
        """As `secrets.randbelow`."""
        # The numbers of `random.randrange`, in a third of its time: half of all calls.
        bits = exclusive_upper_bound.bit_length()
        draw = self._random.getrandbits
        while (number := draw(bits)) >= exclusive_upper_bound:
            pass
        return number

    def randbits(self, k: int) -> int:
        """As `secrets.randbits`."""
        return self._random.getrandbits(k)

    def choice(self, sequence: Any) -> Any:
        """As `secrets.choice`."""
        return sequence[self.randbelow(len(sequence))]


def load_seeded(module_name: str, source: SeededSource) -> ModuleType:
    """A second, private copy of a library module whose `secrets` is `source`.

    captcha 0.7 draws from `secrets`, which cannot be seeded. Only this copy of the module
    sees our source: whoever imports the library in the ordinary way gets it unchanged.
    """
    found = importlib.util.find_spec(module_name)
    if found is None or found.loader is None:
        raise ModuleNotFoundError(module_name)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if not hasattr(module, "secrets"):
        raise RuntimeError(f"{module_name} no longer draws from secrets: it cannot be seeded")
    module.secrets = source  # type: ignore[attr-defined]
    return module
