"""Sequences of tags: the best one, and how probable its parts are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 256
"""Texts that are searched together."""


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
        """Find the sequence with the highest score (Viterbi 1967).

        Args:
            scores: Shape (units, tags): the score of each tag at each unit.

        Returns:
            Shape (units,): tag indices.
        """
        greedy: NDArray[np.int64] = scores.argmax(axis=1)
        if not len(greedy) or self._keeps_all(greedy):
            return greedy
        best = self.start + scores[0]
        came_from = np.zeros(scores.shape, dtype=np.int64)
        for unit in range(1, len(scores)):
            candidates = best[:, None] + self.step
            came_from[unit] = candidates.argmax(axis=0)
            best = candidates.max(axis=0) + scores[unit]
        path = np.empty(len(scores), dtype=np.int64)
        path[-1] = best.argmax()
        for unit in range(len(scores) - 1, 0, -1):
            path[unit - 1] = came_from[unit, path[unit]]
        return path

    def best_paths(self, scores: Sequence[Floats]) -> list[NDArray[np.int64]]:
        """Find what `best_path` does for each of several texts, each with a unit at least.

        A chain that only forbids is searched in all texts at once: most tags may follow any other, so
        that one maximum serves them all, and the rest follow few.
        """
        if self._few is None:
            return [self.best_path(own) for own in scores]
        greedy = [own.argmax(axis=1) for own in scores]
        found = {at: path for at, path in enumerate(greedy) if self._keeps_all(path)}
        rest = [at for at in range(len(scores)) if at not in found]
        longest_first = sorted(rest, key=lambda at: -len(scores[at]))
        for at in range(0, len(rest), _AT_ONCE):
            part = longest_first[at : at + _AT_ONCE]
            found |= dict(zip(part, self._search([scores[own] for own in part], *self._few), strict=True))
        return [found[at] for at in range(len(scores))]

    @cached_property
    def _few(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """The tags that follow few others, and those, the last one repeated; `None` where all may, or steps score."""
        if not np.isin(self.step, (0.0, -np.inf)).all() or not np.isfinite(self.step).any(axis=0).all():
            return None
        allowed = np.isfinite(self.step)
        bound = np.flatnonzero(~allowed.all(axis=0))
        if not len(bound):
            return None
        before = [np.flatnonzero(allowed[:, tag]) for tag in bound]
        most = max(map(len, before))
        return bound, np.array([np.pad(own, (0, most - len(own)), mode="edge") for own in before], dtype=np.int64)

    def _search(
        self, scores: Sequence[Floats], bound: NDArray[np.int64], before: NDArray[np.int64]
    ) -> Iterator[NDArray[np.int64]]:
        """Yield each text's best path; those with the most units come first."""
        counts = np.array([len(own) for own in scores])
        together = np.zeros((len(scores), int(counts[0]), len(self.start)))
        for at, own in enumerate(scores):
            together[at, : len(own)] = own
        best = self.start + together[:, 0]
        came_from = np.zeros((int(counts[0]), len(scores), len(self.start)), dtype=np.int64)
        last = best.argmax(axis=1)
        for unit in range(1, int(counts[0])):
            live = int((counts > unit).sum())  # the shorter ones are done
            now = best[:live]
            candidates = now[:, before]
            came_from[unit, :live] = now.argmax(axis=1)[:, None]
            which = candidates.argmax(axis=2)
            came_from[unit, :live, bound] = before[np.arange(len(bound)), which].T
            highest = np.repeat(now.max(axis=1)[:, None], now.shape[1], axis=1)
            highest[:, bound] = candidates.max(axis=2)
            best[:live] = highest + together[:live, unit]
            last[:live] = best[:live].argmax(axis=1)
        for at, count in enumerate(counts.tolist()):
            path = np.empty(count, dtype=np.int64)
            path[-1] = last[at]
            for unit in range(count - 1, 0, -1):
                path[unit - 1] = came_from[unit, at, path[unit]]
            yield path

    def keep_all(self, path: NDArray[np.int64], counts: Sequence[int]) -> NDArray[np.bool_]:
        """Return, for each of several greedy paths, whether it is the best one, as no other has higher scores of steps.

        Args:
            path: Shape (units of all,): the paths, one behind the other.
            counts: Of each, its units.
        """
        ends = np.cumsum(counts)
        starts = ends - counts
        fits = np.ones(len(path) + 1, dtype=np.bool_)  # one more, for a text without units at the end
        fits[1 : len(path)] = self.step[path[:-1], path[1:]] == self.step.max()
        begins = starts[np.asarray(counts) > 0]
        fits[begins] = self.start[path[begins]] == self.start.max()
        wrong = np.concatenate([[0], np.cumsum(~fits)])
        kept: NDArray[np.bool_] = wrong[ends] == wrong[starts]
        return kept

    def _keeps_all(self, path: NDArray[np.int64]) -> bool:
        """Whether no other path has higher scores of start and steps; then none can beat the greedy one."""
        return bool(self.keep_all(path, [len(path)])[0])

    def forward(self, scores: Floats) -> Floats:
        """Return, shape (units, tags), the log of the summed scores of all sequences up to a unit that end in a tag."""
        sums = np.empty(scores.shape)
        weights = np.exp(self.step)
        for unit, own in enumerate(scores):
            sums[unit] = own + (self.start if unit == 0 else _log_product(sums[unit - 1], weights))
        return sums

    def backward(self, scores: Floats) -> Floats:
        """Return, shape (units, tags), the log of the summed scores of all that can follow a tag at a unit."""
        sums = np.zeros(scores.shape)
        weights = np.exp(self.step.T)
        for unit in range(len(scores) - 2, -1, -1):
            sums[unit] = _log_product(sums[unit + 1] + scores[unit + 1], weights)
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

    @property
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


def _log_product(logs: Floats, weights: Floats) -> Floats:
    """Return log(exp(logs) @ weights) without overflow."""
    highest = logs.max()
    with np.errstate(divide="ignore"):  # the log of 0: nothing leads there
        product: Floats = highest + np.log(np.exp(logs - highest) @ weights)
    return product
