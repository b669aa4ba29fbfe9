"""How sure the difference between two sorts of models is: of the records they are scored on, and of their seeds.

Two things are left to chance. Which records a model is scored on: both sorts are scored on the same samples of them,
drawn with replacement (the paired bootstrap, Efron and Tibshirani 1993), so that what makes records hard for both does
not count. And which seed a training has, which can move a figure as much as what is being compared (Bouthillier et al.
2021). Seeds and records are crossed: each model answers each record. To draw seeds with replacement as well (the
pigeonhole bootstrap, Owen 2007) takes many of them: the mean of three values drawn from three never leaves their range,
in which the true mean lies three times of four, so that an interval of 95 % cannot come of it. So the seeds' part is
Student's: to the difference in each sample of the records a draw is added of Student's law, times the standard error
over seeds, with the degrees of freedom that Welch (1947) gives two means whose spreads differ. The interval is made of
the percentiles of these sums. Where seeds give the same figures it is the paired bootstrap's, and where records make no
difference it is Welch's.

What seeds do to single records is in both parts, in the pigeonhole bootstrap as well, which makes its intervals too
wide. Here it is left to the seeds' part: of the samples' spread, what comes of it (by how much the seeds' own samples
spread about their mean) is taken away. `benchmarks/study_intervals.py` measures how often the intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polyhead.errors import MissingExtraError
from polyhead.evaluation.intervals import LEVEL, RESAMPLES, Interval
from polyhead.metrics.scorer import Floats, Weights

_CELLS_AT_ONCE = 4_000_000
"""Samples times records that are held at once."""
_SEED = 0
"""What samples are drawn by: all models of a study are scored on the same."""


def samples_of(records: int, *, resamples: int = RESAMPLES) -> Iterator[Weights]:
    """Yield samples of so many records, some at a time; the same ones whenever it is called.

    Args:
        records: How many there are.
        resamples: How many samples.

    Yields:
        Shape (samples, records): how often each record stands in each sample.
    """
    random = np.random.default_rng(_SEED)
    at_once = max(1, _CELLS_AT_ONCE // max(1, records))
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = random.integers(records, size=(count, records)) + records * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * records).reshape(count, records).astype(np.float64)


@dataclass(frozen=True)
class Models:
    """Trainings that differ in their seeds alone.

    Attributes:
        values: The figure of each.
        samples: The figure of each in each sample of the records, shape (seeds, samples).
    """

    values: Sequence[float]
    samples: Floats


def interval_of_difference(one: Models, other: Models) -> Interval | None:
    """Return the 95 % interval of how much higher the other's figure is, as a mean over records and seeds.

    Args:
        one: What is compared with.
        other: What is judged, scored on the same samples.

    Returns:
        `None` where nothing defines the figure in some sample. With one seed it is of records alone.
    """
    differences = other.samples.mean(axis=0) - one.samples.mean(axis=0)
    if np.isnan(differences).any():
        return None
    low, high = _ends(_of_records(one, other) + _of_seeds(one.values, other.values, len(differences)))
    # Of a few seeds that differ much, Student's law leaves more room than shares have.
    most = 1.0 if min(own.samples.min() for own in (one, other)) >= 0 else 2.0
    return [max(low, -most), min(high, most)]


def _of_records(one: Models, other: Models) -> Floats:
    """Return the difference in each sample, less spread by what seeds do to single records."""
    differences: Floats = other.samples.mean(axis=0) - one.samples.mean(axis=0)
    spread = float(np.var(differences))
    if spread == 0:
        return differences
    left = 1 - (_of_both(one.samples) + _of_both(other.samples)) / spread
    middle = float(differences.mean())
    less: Floats = middle + float(np.sqrt(max(0.0, left))) * (differences - middle)
    return less


def _of_both(samples: Floats) -> float:
    """Return the variance over samples of a mean over seeds that comes of what seeds do to single records."""
    seeds = len(samples)
    if seeds < 2:
        return 0.0
    around_mean = samples - samples.mean(axis=0)
    return float(np.var(around_mean, axis=1).sum()) / (seeds * (seeds - 1))


def _of_seeds(one: Sequence[float], other: Sequence[float], count: int) -> Floats:
    """Return what chance over seeds adds: draws of Student's law, times the standard error of the difference."""
    error, freedom = welch(one, other)
    if error == 0:
        return np.zeros(count)
    try:
        from scipy import stats
    except ImportError as missing:
        raise MissingExtraError("intervals", "train") from missing
    # Evenly spread over the law instead of drawn from it, so that nothing but their order is left to chance.
    draws = stats.t.ppf((np.arange(count) + 0.5) / count, freedom)
    return error * np.random.default_rng(_SEED).permutation(draws)


def welch(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of a difference of two means, and its degrees of freedom; 0 and 0 of one value each."""
    if min(len(one), len(other)) < 2:
        return 0.0, 0.0
    parts = [(float(np.var(values, ddof=1)) / len(values), len(values) - 1) for values in (one, other)]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, 0.0
    # By shares of the whole: squares of small variances would be 0.
    return float(np.sqrt(total)), 1 / sum((variance / total) ** 2 / freedom for variance, freedom in parts)


def _ends(values: Floats) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]
