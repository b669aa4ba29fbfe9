"""The best sequences of tags where some steps from tag to tag are forbidden, and none is preferred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 256
"""Stretches that are searched together."""


@dataclass(frozen=True)
class Stretch:
    """Units of a text whose best tags depend on each other.

    Attributes:
        start: The first of them.
        stop: One past the last.
        opens: Whether the text begins with it.
    """

    start: int
    stop: int
    opens: bool


class Forbidding:
    """Finds the best sequence of several texts at once.

    Most tags of a scheme may follow any other: ``O``, and those that begin an entity. Where each unit's best tag keeps
    the scheme, these tags are the answer. Where it does not, only what stands between two such tags has to be searched,
    and what stands before it if the search takes another tag there, that may not follow all others.

    Args:
        start: Shape (tags,): which tags may come first.
        step: Shape (tags, tags): ``step[i, j]`` whether tag j may follow tag i. Each tag may follow one at least.
    """

    def __init__(self, start: NDArray[np.bool_], step: NDArray[np.bool_]) -> None:
        self._start, self._step = start, step
        self._follows_all: NDArray[np.bool_] = np.logical_and.reduce(step, axis=0)
        self._bound = np.flatnonzero(~self._follows_all)
        before = [np.flatnonzero(step[:, tag]) for tag in self._bound]
        most = max(map(len, before), default=0)
        padded = [np.pad(own, (0, most - len(own)), mode="edge") for own in before]
        self._before = np.array(padded, dtype=np.int64).reshape(len(before), most)
        """The tags that each bound one may follow, the last one repeated."""

    def best_paths(self, scores: Floats | NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.int64]:
        """Return the tag of each unit: in every text those with the highest sum that keep to what is allowed.

        Args:
            scores: Shape (units of all texts, tags): one text behind the other.
            counts: Of each text, its units.
        """
        path: NDArray[np.int64] = scores.argmax(axis=1)
        opens = np.zeros(len(path) + 1, dtype=np.bool_)
        opens[np.cumsum([0, *counts])] = True
        opens = opens[:-1]
        if not len(path) or not (wrong := self._wrong(path, opens)).any():
            return path
        begins: NDArray[np.bool_] = np.logical_or(opens, self._follows_all[path])
        waiting = _stretches_with(wrong, begins, opens)
        while waiting:
            searched = list(zip(waiting, self._search(scores, waiting), strict=True))
            for stretch, found in searched:
                path[stretch.start : stretch.stop] = found
            waiting = _widened(searched, begins, opens, self._follows_all)
        return path

    def _wrong(self, path: NDArray[np.int64], opens: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return, for each unit, whether its tag may not stand where it stands."""
        behind = np.ones(len(path), dtype=np.bool_)
        behind[1:] = self._step[path[:-1], path[1:]]
        return ~np.where(opens, self._start[path], behind)

    def _search(
        self, scores: Floats | NDArray[np.float32], stretches: Sequence[Stretch]
    ) -> Iterator[NDArray[np.int64]]:
        """Yield the best tags of each stretch by itself, whatever comes before it."""
        longest_first = sorted(range(len(stretches)), key=lambda at: stretches[at].start - stretches[at].stop)
        found: dict[int, NDArray[np.int64]] = {}
        for at in range(0, len(stretches), _AT_ONCE):
            part = longest_first[at : at + _AT_ONCE]
            found |= dict(zip(part, self._viterbi(scores, [stretches[own] for own in part]), strict=True))
        for at in range(len(stretches)):
            yield found[at]

    def _viterbi(
        self, scores: Floats | NDArray[np.float32], stretches: Sequence[Stretch]
    ) -> Iterator[NDArray[np.int64]]:
        """Yield each one's best tags (Viterbi 1967); those with the most units come first.

        One maximum serves all tags that may follow any other; the rest follow few.
        """
        counts = np.array([own.stop - own.start for own in stretches])
        together = np.zeros((len(stretches), int(counts[0]), len(self._start)))
        for at, own in enumerate(stretches):
            together[at, : counts[at]] = scores[own.start : own.stop]
        opens = np.array([own.opens for own in stretches])
        best = np.where(opens[:, None] & ~self._start, -np.inf, together[:, 0])
        came_from = np.zeros((int(counts[0]), len(stretches), len(self._start)), dtype=np.int64)
        last = best.argmax(axis=1)
        for unit in range(1, int(counts[0])):
            live = int((counts > unit).sum())  # the shorter ones are done
            now = best[:live]
            came_from[unit, :live] = now.argmax(axis=1)[:, None]
            highest = np.repeat(now.max(axis=1)[:, None], now.shape[1], axis=1)
            if len(self._bound):
                candidates = now[:, self._before]
                which = candidates.argmax(axis=2)
                came_from[unit, :live, self._bound] = self._before[np.arange(len(self._bound)), which].T
                highest[:, self._bound] = candidates.max(axis=2)
            best[:live] = highest + together[:live, unit]
            last[:live] = best[:live].argmax(axis=1)
        for at, count in enumerate(counts.tolist()):
            path = np.empty(count, dtype=np.int64)
            path[-1] = last[at]
            for unit in range(count - 1, 0, -1):
                path[unit - 1] = came_from[unit, at, path[unit]]
            yield path


def _stretches_with(wrong: NDArray[np.bool_], begins: NDArray[np.bool_], opens: NDArray[np.bool_]) -> list[Stretch]:
    """Return the stretches with a tag that may not stand where it stands."""
    number = np.cumsum(begins) - 1
    edges = np.append(np.flatnonzero(begins), len(begins))
    return [
        Stretch(int(edges[at]), int(edges[at + 1]), bool(opens[edges[at]])) for at in np.unique(number[wrong]).tolist()
    ]


def _widened(
    searched: Sequence[tuple[Stretch, NDArray[np.int64]]],
    begins: NDArray[np.bool_],
    opens: NDArray[np.bool_],
    follows_all: NDArray[np.bool_],
) -> list[Stretch]:
    """Return those, with what stands before them, that now begin with a tag that may not follow all others.

    What stands before them may have been searched as well: `begins` tells of no seam inside what belongs together.
    """
    begun_wrong = [own for own, found in searched if not own.opens and not follows_all[found[0]]]
    for own in begun_wrong:
        begins[own.start] = False
    wrong = np.zeros(len(begins), dtype=np.bool_)
    wrong[[own.start for own in begun_wrong]] = True
    return _stretches_with(wrong, begins, opens) if begun_wrong else []
