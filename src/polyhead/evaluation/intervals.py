"""How sure a figure is: 95 % bootstrap intervals over records (Efron 1987).

Records are drawn with replacement, as many as there are, and the figure is computed anew for each sample. Up to 2,000
records the interval is bias-corrected and accelerated (BCa), which matters for shares near 0 or 1; beyond, it is made
of the percentiles, from which it no longer differs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.errors import MissingExtraError
from polyhead.metrics import Scorer
from polyhead.metrics.scorer import Figures, Weights

RESAMPLES = 2_000
"""Samples that an interval is computed from, unless told otherwise."""
LEVEL = 0.95
_ACCELERATED_RECORDS = 2_000
"""The acceleration leaves out each record in turn: beyond so many records that takes long, and changes nothing."""
_CELLS_AT_ONCE = 4_000_000
"""Samples times records that are held at once."""

Interval = list[float]
"""The lower and the upper end."""


def intervals(scorer: Scorer, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval | None]:
    """Return the intervals of a scorer's headline figures and amounts.

    Args:
        scorer: With all records added.
        resamples: Samples to draw.
        seed: What they are drawn by.

    Returns:
        By figure; `None` where samples do not differ (all right, say), so that they cannot tell, or where nothing
        defines the figure in some of them.
    """
    found = _bootstrapped(scorer.records, scorer.figures, resamples=resamples, seed=seed)
    return {name: interval if interval and interval[0] < interval[1] else None for name, interval in found.items()}


def interval_of_difference(
    one: Scorer, other: Scorer, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval | None]:
    """Return the intervals of how much higher the other's figures are, both being computed on the same samples.

    Args:
        one: With all records added.
        other: With the same records added, in the same order.
        resamples: Samples to draw.
        seed: What they are drawn by.

    Returns:
        By figure that both have; of no width where the difference is the same in all samples; `None` where nothing
        defines it in some.
    """

    def differences(weights: Weights) -> Figures:
        before, after = one.figures(weights), other.figures(weights)
        return {name: after[name] - values for name, values in before.items() if name in after}

    return _bootstrapped(one.records, differences, resamples=resamples, seed=seed)


def _bootstrapped(
    records: int, figures: Callable[[Weights], Figures], *, resamples: int, seed: int
) -> dict[str, Interval | None]:
    if records < 2:
        return dict.fromkeys(figures(np.ones((1, records))))
    try:
        from scipy.stats import bootstrap
    except ImportError as error:
        raise MissingExtraError("intervals", "train") from error
    of_all = figures(np.ones((1, records)))

    def statistic(drawn: NDArray[Any], axis: int = -1) -> NDArray[np.float64]:  # noqa: ARG001
        found = figures(_counted(drawn.reshape(-1, drawn.shape[-1]), records))
        return np.stack([found[name].reshape(drawn.shape[:-1]) for name in of_all])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of figures that are the same in all samples
        found = bootstrap(
            (np.arange(records),),
            statistic,
            n_resamples=resamples,
            batch=max(1, _CELLS_AT_ONCE // records),
            vectorized=True,
            confidence_level=LEVEL,
            method="BCa" if records <= _ACCELERATED_RECORDS else "percentile",
            rng=np.random.default_rng(seed),
        )
    return {name: _ends(found, at) for at, name in enumerate(of_all)}


def _ends(found: Any, figure: int) -> Interval | None:
    """Return an interval out of scipy's, which gives none where all samples are the same."""
    samples = found.bootstrap_distribution[figure]
    if samples.min() == samples.max():
        return [float(samples[0])] * 2
    low, high = (float(end[figure]) for end in found.confidence_interval)
    return None if np.isnan(low) or np.isnan(high) else [low, high]


def _counted(drawn: NDArray[Any], records: int) -> Weights:
    """Return how often each record was drawn, shape (samples, records)."""
    samples = len(drawn)
    places = drawn.astype(np.int64) + records * np.arange(samples)[:, None]
    return np.bincount(places.ravel(), minlength=samples * records).reshape(samples, records).astype(np.float64)


def interval_of_mean(values: Sequence[float]) -> Interval | None:
    """Return Student's interval of a mean of some runs; `None` where there are fewer than two."""
    if len(values) < 2:
        return None
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("intervals", "train") from error
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return [mean - half, mean + half]
