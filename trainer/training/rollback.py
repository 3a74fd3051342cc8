"""States of a training to restore when the loss explodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainer.training.checkpoints import Arrays

# An explosion is noticed late, so a state is trusted only after this number of healthy checks.
_CHECKS_UNTIL_TRUSTED = 10
# More restores than this without such a stretch in between: no learning rate will help.
_MAX_RESTORES = 10


@dataclass
class Rollback:
    """The last trusted state, and a newer candidate."""

    trusted: Arrays
    candidate: Arrays
    healthy_checks: int = 0
    restores: int = 0

    def record_healthy(self, snapshot: Callable[[], Arrays]) -> None:
        """Count a check at which the loss was healthy; take a snapshot every few checks."""
        self.healthy_checks += 1
        if self.healthy_checks % _CHECKS_UNTIL_TRUSTED:
            return
        self.trusted, self.candidate = self.candidate, snapshot()
        if self.healthy_checks >= 2 * _CHECKS_UNTIL_TRUSTED:
            self.restores = 0

    def restore(self) -> Arrays | None:
        """Return the state to restore, or None after too many restores."""
        self.restores += 1
        self.healthy_checks = 0
        self.candidate = self.trusted
        return self.trusted if self.restores <= _MAX_RESTORES else None
