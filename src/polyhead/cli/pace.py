"""How long a run still takes, judged by what it took so far."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Times the steps of a run, and what stands between its epochs: dev scores and saving.

    The first step, which also warms up, is not counted.

    Args:
        steps: Steps of the whole run.
        epochs: Epochs of the whole run.
        clock: Tells seconds.
    """

    def __init__(self, *, steps: int, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._all_steps, self._all_epochs = steps, epochs
        self._clock, self._mark = clock, clock()
        self._steps = self._epochs = 0
        self._in_steps = self._between = 0.0

    def step(self) -> None:
        """Hear that a step was taken."""
        seconds = self._lap()
        if self._steps > 0:
            self._in_steps += seconds
        self._steps += 1

    def epoch(self) -> None:
        """Hear that an epoch was scored and saved."""
        self._between += self._lap()
        self._epochs += 1

    def left(self) -> float | None:
        """Return the seconds left; `None` before the second step, when nothing is known yet."""
        if self._steps < 2:
            return None
        step = self._in_steps / (self._steps - 1)
        between = self._between / self._epochs if self._epochs else 0.0
        left = step * (self._all_steps - self._steps) + between * (self._all_epochs - self._epochs)
        under_way = between if self._is_between() else step
        return max(0.0, left - min(under_way, self._clock() - self._mark))

    def _is_between(self) -> bool:
        return self._steps * self._all_epochs == self._all_steps * (self._epochs + 1)

    def _lap(self) -> float:
        mark, self._mark = self._mark, self._clock()
        return self._mark - mark


def clock_time(seconds: float) -> str:
    """Return a span of time as ``0:07``, ``12:34`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
