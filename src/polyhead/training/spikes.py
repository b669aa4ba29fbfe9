"""Losses that jump out of what is usual: found from numbers that take no memory and can be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

_SPAN = 100
"""Losses over which the running mean goes, roughly."""
_WARM_UP = 50
"""Losses that are seen before any counts as a spike."""
_SETTLED = 20
"""Losses after which the running mean says something of a model that has learnt little."""
_DEVIATIONS = 8.0
_TIMES = 2.0
_SHARE_OF_HIGHEST = 0.5
"""A loss below this share of the highest running mean is no spike. Late in a run most losses are near zero, and one
hard record takes a batch to a thousand times the mean: worth no word while that is far below where the run began."""


@dataclass(frozen=True)
class Usual:
    """What a task's losses have been like.

    Attributes:
        seen: How many there were.
        mean: Their mean, the older ones fading.
        variance: Their variance, likewise.
        highest: The highest that the mean has been.
    """

    seen: int = 0
    mean: float = 0.0
    variance: float = 0.0
    highest: float = 0.0

    def limit(self) -> float:
        """Return what a loss may be before it stands out."""
        return max(self.mean + _DEVIATIONS * math.sqrt(self.variance), _TIMES * self.mean)

    def is_spike(self, loss: float) -> bool:
        """Whether a loss stands out of those before it."""
        return self.seen >= _WARM_UP and loss > max(self.limit(), _SHARE_OF_HIGHEST * self.highest)

    def with_loss(self, loss: float) -> Usual:
        """Return what is usual after a further loss.

        One that stands out counts only as far as the limit: a single one must not hide the next, while losses that
        stay up are usual after a few steps.
        """
        if self.seen >= _WARM_UP:
            loss = min(loss, self.limit())
        share = max(1 / _SPAN, 1 / (self.seen + 1))
        step = loss - self.mean
        mean = self.mean + share * step
        variance = (1 - share) * (self.variance + share * step * step)
        highest = max(self.highest, mean) if self.seen + 1 >= _SETTLED else 0.0
        return Usual(self.seen + 1, mean, variance, highest)


class Spikes:
    """Finds spikes of any number of tasks' losses."""

    def __init__(self) -> None:
        self._usual: dict[str, Usual] = {}

    def look_at(self, task: str, loss: float) -> float | None:
        """Take in a loss, a finite one.

        Returns:
            The mean before it if it is a spike, else `None`.
        """
        usual = self._usual.get(task, Usual())
        self._usual[task] = usual.with_loss(loss)
        return usual.mean if usual.is_spike(loss) else None

    def to_json(self) -> dict[str, dict[str, float]]:
        """Return what is usual, by task; the numbers come back from JSON as the very same."""
        return {task: asdict(usual) for task, usual in self._usual.items()}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Go on from what `to_json` gave."""
        self._usual = {
            task: Usual(int(own["seen"]), own["mean"], own["variance"], own["highest"]) for task, own in state.items()
        }
