"""Sequences of tags: the best one, and how probable its parts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polyhead.tasks.forbidding import Forbidding
from polyhead.tasks.many_chains import Preferring, log_products, sums_of

Floats = NDArray[np.float64]
_TOGETHER = 4
"""Texts from which on they are searched together."""


@dataclass(frozen=True)
class Chain:
    """What a sequence of tags scores beside its tags' own scores; ``-inf`` forbids.

    Attributes:
        start: Shape (tags,): for the tag that comes first.
        step: Shape (tags, tags): ``step[i, j]`` for tag j behind tag i.
    """

    start: Floats
    step: Floats

    @classmethod
    def of_constraints(cls, start: NDArray[np.bool_], step: NDArray[np.bool_]) -> Chain:
        """Make a chain that forbids, and prefers nothing."""
        return cls(np.where(start, 0.0, -np.inf), np.where(step, 0.0, -np.inf))

    def best_path(self, scores: Floats) -> NDArray[np.int64]:
        """Find the sequence with the highest score.

        Args:
            scores: Shape (units, tags): the score of each tag at each unit.

        Returns:
            Shape (units,): tag indices.
        """
        return self.best_paths(scores, [len(scores)])

    def best_paths(self, scores: Floats | NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.int64]:
        """Find what `best_path` does for each of several texts.

        Args:
            scores: Shape (units of all, tags): one text behind the other.
            counts: Of each text, its units.

        Returns:
            Shape (units of all,).
        """
        if self._forbidding is not None:
            return self._forbidding.best_paths(scores, counts)
        if len(counts) >= _TOGETHER:
            return self._preferring.best_paths(scores, counts)
        ends = np.cumsum([0, *counts])
        paths = [self._viterbi(scores[start:end]) for start, end in pairwise(ends)]
        return np.concatenate(paths) if paths else np.zeros(0, dtype=np.int64)

    @cached_property
    def _forbidding(self) -> Forbidding | None:
        """What searches a chain that only forbids; `None` where steps score, or a tag can follow none."""
        only_forbids = np.isin(self.start, (0.0, -np.inf)).all() and np.isin(self.step, (0.0, -np.inf)).all()
        allowed = np.isfinite(self.step)
        return Forbidding(np.isfinite(self.start), allowed) if only_forbids and allowed.any(axis=0).all() else None

    @cached_property
    def _preferring(self) -> Preferring:
        return Preferring(self.start, self.step)

    def _viterbi(self, scores: Floats | NDArray[np.float32]) -> NDArray[np.int64]:
        """Find the best sequence of one text (Viterbi 1967)."""
        path = np.empty(len(scores), dtype=np.int64)
        if not len(scores):
            return path
        best = self.start + scores[0]
        came_from = np.zeros(scores.shape, dtype=np.int64)
        for unit in range(1, len(scores)):
            candidates = best[:, None] + self.step
            came_from[unit] = candidates.argmax(axis=0)
            best = candidates.max(axis=0) + scores[unit]
        path[-1] = best.argmax()
        for unit in range(len(scores) - 1, 0, -1):
            path[unit - 1] = came_from[unit, path[unit]]
        return path

    @cached_property
    def _weights(self) -> Floats:
        return np.exp(self.step)

    def sums(self, scores: Sequence[Floats]) -> list[ChainScores]:
        """Return how probable the sequences of each of several texts are, as `ChainScores.of` does.

        Args:
            scores: Of each text, shape (units, tags): the scores of tags.
        """
        if not scores:
            return []
        counts = [len(own) for own in scores]
        found = sums_of(self.start, self._weights, self._weights.T, scores=np.concatenate(scores), counts=counts)
        return [ChainScores(self, own, *sums) for own, sums in zip(scores, found, strict=True)]

    def forward(self, scores: Floats) -> Floats:
        """Return, shape (units, tags), the log of the summed scores of all sequences up to a unit that end in a tag."""
        sums = np.empty(scores.shape)
        weights = self._weights
        for unit, own in enumerate(scores):
            sums[unit] = own + (self.start if unit == 0 else log_products(sums[unit - 1 : unit], weights)[0])
        return sums

    def backward(self, scores: Floats) -> Floats:
        """Return, shape (units, tags), the log of the summed scores of all that can follow a tag at a unit."""
        sums = np.zeros(scores.shape)
        weights = self._weights.T
        for unit in range(len(scores) - 2, -1, -1):
            sums[unit] = log_products((sums[unit + 1] + scores[unit + 1])[None], weights)[0]
        return sums


@dataclass(frozen=True)
class ChainScores:
    """How probable the sequences of one text are (Lafferty et al. 2001).

    Attributes:
        chain: The scores of steps.
        scores: Shape (units, tags): the scores of tags.
        forward: Of `Chain.forward`.
        backward: Of `Chain.backward`.
    """

    chain: Chain
    scores: Floats
    forward: Floats
    backward: Floats

    @classmethod
    def of(cls, chain: Chain, scores: Floats) -> ChainScores:
        """Sum over all sequences."""
        return cls(chain, scores, chain.forward(scores), chain.backward(scores))

    @cached_property
    def log_sum(self) -> float:
        """The log of the summed scores of all sequences."""
        return float(np.logaddexp.reduce(self.forward[-1]))

    def marginals(self) -> Floats:
        """Return, shape (units, tags), how probable each tag is at each unit."""
        return np.exp(self.forward + self.backward - self.log_sum) if len(self.scores) else self.forward

    def log_probability(self, first: int, tags: NDArray[np.int64]) -> float:
        """Return how probable it is, as a log, that the units from `first` on have just these tags."""
        last = first + len(tags) - 1
        inner = self.chain.step[tags[:-1], tags[1:]].sum() + self.scores[np.arange(first + 1, last + 1), tags[1:]].sum()
        return float(self.forward[first, tags[0]] + inner + self.backward[last, tags[-1]] - self.log_sum)
