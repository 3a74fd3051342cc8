"""States of a training to restore when the loss explodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainer.training.checkpoints import Arrays

# An explosion is detected late, so a state is trusted only after this number of normal checks.
_CHECKS_UNTIL_TRUSTED = 10
# Stop after this many restores without enough normal checks in between.
_MAX_RESTORES = 10


@dataclass
class Rollback:
    """The last trusted state, and a newer candidate."""

    trusted: Arrays
    candidate: Arrays
    normal_checks: int = 0
    restores: int = 0

    def record_normal(self, snapshot: Callable[[], Arrays]) -> None:
        """Count a check at which the loss was normal; take a snapshot every few checks."""
        self.normal_checks += 1
        if self.normal_checks % _CHECKS_UNTIL_TRUSTED:
            return
        self.trusted, self.candidate = self.candidate, snapshot()
        if self.normal_checks >= 2 * _CHECKS_UNTIL_TRUSTED:
            self.restores = 0

    def restore(self) -> Arrays | None:
        """Return the state to restore, or None after too many restores."""
        self.restores += 1
        self.normal_checks = 0
        self.candidate = self.trusted
        return self.trusted if self.restores <= _MAX_RESTORES else None
