"""Good states of a training to go back to, when a step led it astray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainer.checkpoints import Array

State = list[Array]

# A state is trusted when so many checks after it saw nothing wrong: an explosion is noticed late.
_TRUSTED_AFTER = 10
# Going back again and again without such a stretch between: no rate will help.
_MOST_RETURNS = 10


@dataclass
class Rollback:
    """The last trusted state and a newer one that is not trusted yet."""

    trusted: State
    candidate: State
    quiet_checks: int = 0
    returns: int = 0

    def check(self, snapshot: Callable[[], State]) -> None:
        """Nothing is wrong now."""
        self.quiet_checks += 1
        if self.quiet_checks % _TRUSTED_AFTER:
            return
        self.trusted, self.candidate = self.candidate, snapshot()
        if self.quiet_checks >= 2 * _TRUSTED_AFTER:
            self.returns = 0

    def go_back(self) -> State | None:
        """The state to begin again from; None if that was tried too often."""
        self.returns += 1
        self.quiet_checks = 0
        self.candidate = self.trusted
        return self.trusted if self.returns <= _MOST_RETURNS else None

    @property
    def counts(self) -> dict[str, int]:
        """What a checkpoint must keep beside the states."""
        return {"quiet_checks": self.quiet_checks, "returns": self.returns}
