"""The command `python -m trainer audit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.settings import SettingsError
from trainer.data.generator_client import GeneratorClient
from trainer.settings import TrainerSettings


def parse_audit(arguments: Sequence[str]) -> Callable[[TrainerSettings, GeneratorClient], int]:
    """Return the work that the arguments describe.

    Raises:
        SettingsError: on an invalid option.
    """
    raise SettingsError(f"unknown arguments: {' '.join(arguments)}")
