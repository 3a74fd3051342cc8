"""What a training went through, from its first step to why it ended."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trainer.rates import Move

Point = tuple[float, float, float]
"""(passes done, mean loss since the point before, learning rate)."""


@dataclass
class History:
    """Its fields survive a break as JSON."""

    passes: list[dict[str, float]] = field(default_factory=list)
    """One row for each, as in history.csv."""
    points: list[Point] = field(default_factory=list)
    """Every few steps."""
    moves: list[Move] = field(default_factory=list)
    """Of the learning rate."""
    pass_steps: int = 1
    """In a whole pass."""
    steps: int = 0
    """Of those that were kept, a broken-off pass that was done again counts once; what the
    watchful schedule went back over counts too."""
    elapsed_s: float = 0.0
    """Time in training and validation, all parts of an interrupted training together."""
    reason: str = ""
    """Why it ended."""
    out_of_time: bool = False
    """Whether it would have gone on, had it been given more time."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """The opposite of `to_dict`."""
        moves = [Move(**move) for move in values["moves"]]
        points = [(done, loss, rate) for done, loss, rate in values["points"]]
        return cls(**values | {"moves": moves, "points": points})

    def write_csv(self, path: Path) -> None:
        """The passes as a table."""
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, list(self.passes[0]))
            table.writeheader()
            table.writerows(self.passes)
