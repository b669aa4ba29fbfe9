"""What `Chain` finds and sums for one text, for several at once; they stand beside each other, the longest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NUMBERS = 2**17
"""That are looked at together: more of them than a processor keeps near are slower."""
_FEW = 4
"""What share of the tags, as one in so many, a tag may follow at most so that only these are looked at."""


@dataclass(frozen=True)
class Side:
    """Texts beside each other.

    Attributes:
        texts: Shape (texts,): which they are, the longest first.
        places: Shape (most units, texts): the row of each unit; of units that a text does not have, any.
        live: Shape (most units,): how many of the texts have this unit; the first ones do.
    """

    texts: NDArray[np.int64]
    places: NDArray[np.int64]
    live: list[int]

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Shape (most units, texts): whether a text has this unit."""
        return np.arange(len(self.texts)) < np.array(self.live)[:, None]


def side_by_side(counts: Sequence[int], width: int) -> Iterator[Side]:
    """Put texts beside each other, as many as are best looked at together; those without units are left out.

    Args:
        counts: Of each text, its units.
        width: The numbers that are looked at for a unit.
    """
    lengths = np.array(counts, dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(-lengths, kind="stable")[: int((lengths > 0).sum())]
    at_once = max(1, _NUMBERS // width)
    for at in range(0, len(order), at_once):
        texts = order[at : at + at_once]
        units = np.arange(lengths[texts[0]])[:, None]
        places = np.minimum(starts[texts] + units, lengths.sum() - 1)
        yield Side(texts, places, (lengths[texts] > units).sum(axis=1).tolist())


class Preferring:
    """Finds the best sequence of several texts, where steps from tag to tag score.

    On the way forward only the highest sums are kept; where they came from is worked out on the way back, for the
    sequence alone. Tags that may follow few others, as those inside an entity, are looked at apart.

    Args:
        start: Shape (tags,): for the tag that comes first; ``-inf`` forbids.
        step: Shape (tags, tags): ``step[i, j]`` for tag j behind tag i.
    """

    def __init__(self, start: Floats, step: Floats) -> None:
        self._start, self._from = start, np.ascontiguousarray(step.T)
        allowed = np.isfinite(step)
        bound = (counts := allowed.sum(axis=0)) * _FEW <= len(step)
        self._bound, self._others = np.flatnonzero(bound), np.flatnonzero(~bound)
        before = [np.flatnonzero(allowed[:, tag]) for tag in self._bound]
        most = int(counts[bound].max(initial=0))
        padded = [np.pad(own, (0, most - len(own)), mode="edge") if len(own) else np.zeros(most) for own in before]
        self._before = np.array(padded, dtype=np.int64).reshape(len(before), most).T
        self._before_step = step[self._before, self._bound]
        self._step = np.ascontiguousarray(step[:, self._others])

    def best_paths(self, scores: Floats | NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.int64]:
        """Return the tag of each unit: in every text those that score highest together.

        Args:
            scores: Shape (units of all texts, tags): one text behind the other.
            counts: Of each text, its units.
        """
        path = np.zeros(len(scores), dtype=np.int64)
        for side in side_by_side(counts, max(1, self._step.size)):
            there = side.is_there
            path[side.places[there]] = self._back(self._forward(scores, side), side)[there]
        return path

    def _forward(self, scores: Floats | NDArray[np.float32], side: Side) -> Floats:
        """Return, shape (units, texts, tags), the highest score of a sequence up to a unit that ends in a tag."""
        best = scores[side.places].astype(np.float64)
        best[0] += self._start
        room = np.empty((best.shape[1], *self._step.shape))
        for unit in range(1, len(best)):
            live = side.live[unit]
            before = best[unit - 1, :live]
            np.add(before[:, :, None], self._step, out=room[:live])
            highest = np.empty_like(before)
            highest[:, self._others] = room[:live].max(axis=1)
            if len(self._bound):
                highest[:, self._bound] = (before[:, self._before] + self._before_step).max(axis=1, initial=-np.inf)
            best[unit, :live] += highest
        return best

    def _back(self, best: Floats, side: Side) -> NDArray[np.int64]:
        """Return, shape (units, texts), the tags of the best sequences (Viterbi 1967)."""
        path = np.zeros(best.shape[:2], dtype=np.int64)
        for unit in range(len(best) - 1, -1, -1):
            ends = best[unit, : side.live[unit]]
            if unit + 1 < len(best):
                going_on = side.live[unit + 1]
                ends[:going_on] += self._from[path[unit + 1, :going_on]]
            path[unit, : len(ends)] = ends.argmax(axis=1)
        return path


def sums_of(
    start: Floats, weights: Floats, back: Floats, *, scores: Floats, counts: Sequence[int]
) -> list[tuple[Floats, Floats]]:
    """Return what `Chain.forward` and `Chain.backward` do for each of several texts.

    Args:
        start: Shape (tags,): for the tag that comes first.
        weights: Shape (tags, tags): the exponentials of steps.
        back: The same, the other way round.
        scores: Shape (units of all texts, tags): one text behind the other.
        counts: Of each text, its units.
    """
    found = [(np.zeros((0, len(start))), np.zeros((0, len(start))))] * len(counts)
    for side in side_by_side(counts, len(start)):
        own = scores[side.places]
        forward, backward = own.copy(), np.zeros_like(own)
        forward[0] += start
        for unit in range(1, len(own)):
            live = side.live[unit]
            forward[unit, :live] += log_products(forward[unit - 1, :live], weights)
            backward_unit = len(own) - 1 - unit
            live = side.live[backward_unit + 1]
            behind = backward[backward_unit + 1, :live] + own[backward_unit + 1, :live]
            backward[backward_unit, :live] = log_products(behind, back)
        for at, text in enumerate(side.texts.tolist()):
            found[text] = forward[: counts[text], at], backward[: counts[text], at]
    return found


def log_products(logs: Floats, weights: Floats) -> Floats:
    """Return log(exp(logs) @ weights) of each row without overflow.

    Rows are multiplied one by one, so that none depends, in its last bits, on how many there are.
    """
    highest = logs.max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):  # the log of 0: nothing leads there
        product: Floats = highest + np.log(np.matmul(np.exp(logs - highest)[:, None], weights)[:, 0])
    return product
