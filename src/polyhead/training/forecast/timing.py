"""From the times of a few steps to that of all, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import t as students_t

_DRIFT = 0.1
"""By how much a machine may be slower or faster in an hour than in the seconds of a trial; a choice, not a figure."""
_SURE = 0.95
_ROUNDS = 5
"""In which the line, and what errors are relative to, come to agree."""


@dataclass(frozen=True)
class Estimate:
    """A time in seconds.

    Attributes:
        seconds: As expected.
        low: Where the interval begins.
        high: Where it ends.
    """

    seconds: float
    low: float
    high: float

    def __add__(self, other: Estimate) -> Estimate:
        """Add another time, whose error has nothing to do with this one's."""
        seconds = self.seconds + other.seconds
        below = math.hypot(self.seconds - self.low, other.seconds - other.low)
        above = math.hypot(self.high - self.seconds, other.high - other.seconds)
        return Estimate(seconds, seconds - below, seconds + above)

    def times(self, count: float) -> Estimate:
        """Return so many times it."""
        return Estimate(self.seconds * count, self.low * count, self.high * count)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"seconds": round(self.seconds, 3), "interval": [round(self.low, 3), round(self.high, 3)]}


NOTHING = Estimate(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Fit:
    """The time of a step as a line in its work.

    Attributes:
        start: Seconds of a step without work.
        rate: Seconds for each unit of work.
        covariance: Shape (2, 2): of both.
        degrees: Of freedom.
    """

    start: float
    rate: float
    covariance: NDArray[np.float64]
    degrees: int

    @classmethod
    def of(cls, work: Sequence[float], seconds: Sequence[float]) -> Fit:
        """Fit a line with no part below zero, by relative errors: a small step counts as much as a large one."""
        unit, times = float(np.mean(work)), np.asarray(seconds, dtype=np.float64)
        features = np.stack([np.ones(len(work)), np.asarray(work) / unit], axis=1)
        if np.ptp(work) == 0:
            features[:, 0] = 0.0  # one size tells nothing of the start
        # Relative to what the line says: relative to what was measured, slow steps would count for less than fast ones.
        said = np.full(len(work), times.mean())
        for _ in range(_ROUNDS):
            line, _ = nnls(features / said[:, None], times / said)
            said = np.maximum(features @ line, times.min() / 2)
        used = line > 0
        degrees = max(1, len(work) - int(used.sum()))
        own = (features / said[:, None])[:, used]
        covariance = np.zeros((2, 2))
        errors = (features @ line - times) / said
        covariance[np.ix_(used, used)] = np.linalg.pinv(own.T @ own) * float(errors @ errors) / degrees
        by_unit = np.diag([1, 1 / unit])
        return cls(float(line[0]), float(line[1]) / unit, by_unit @ covariance @ by_unit, degrees)

    def total(self, work: NDArray[np.float64]) -> Estimate:
        """Return the time of steps, with a 95 % interval: of the line (Student's t), and of the machine's drift."""
        features = np.array([len(work), float(work.sum())])
        seconds = float(features @ np.array([self.start, self.rate]))
        error = math.sqrt(max(0.0, float(features @ self.covariance @ features)))
        half = math.hypot(float(students_t.ppf((1 + _SURE) / 2, self.degrees)) * error, _DRIFT * seconds)
        return Estimate(seconds, max(0.0, seconds - half), seconds + half)


def measured(seconds: float) -> Estimate:
    """Return a time that was measured once."""
    return Estimate(seconds, seconds * (1 - _DRIFT), seconds * (1 + _DRIFT))


def mean_of(seconds: Sequence[float]) -> Estimate:
    """Return the mean of times, which go from the least to the most of them."""
    mean = float(np.mean(seconds))
    return Estimate(mean, min(*seconds, mean * (1 - _DRIFT)), max(*seconds, mean * (1 + _DRIFT)))
