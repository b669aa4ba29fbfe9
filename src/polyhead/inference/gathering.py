"""What batches gave, put together by text as soon as a text is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Row
from polyhead.batching.targets import owned_units
from polyhead.encoding import Encoded
from polyhead.inference.results import Reading
from polyhead.tasks import HeadSpec

Whole = list[tuple[int, Reading]]
"""Texts of which nothing is missing any more, by their number."""


class Gathering:
    """Gives each text its logits, so that texts can be decoded while other batches still run.

    Args:
        texts: The texts.
        rows: By text, its windows.
        heads: The head of each task.
        offset: Special tokens before a text's first piece.
    """

    def __init__(
        self, texts: Sequence[Encoded], rows: Sequence[Sequence[Row]], heads: Mapping[str, HeadSpec], *, offset: int
    ) -> None:
        self._texts, self._heads, self._offset = texts, heads, offset
        self.rows = [row for own in rows for row in own]
        self._owners = [number for number, own in enumerate(rows) for _ in own]
        self._parts: dict[int, dict[int, dict[str, NDArray[np.float32]]]] = {}

    def add(self, indices: Sequence[int], logits: Mapping[str, NDArray[np.float32]]) -> Whole:
        """Take what a batch gave.

        Args:
            indices: Which of the rows the batch had.
            logits: By task: shape (rows, width), or (rows, length, width) where units have logits.

        Returns:
            The texts that this batch completes.
        """
        rows = [self.rows[at] for at in indices]
        found = self._of_rows(rows, logits)
        whole: Whole = []
        for at, part in zip(indices, found, strict=True):
            number = self._owners[at]
            text = self._texts[number]
            if len(text.windows) == 1:
                whole.append((number, Reading(text, part)))
                continue
            parts = self._parts.setdefault(number, {})
            parts[at] = part
            if len(parts) == len(text.windows):
                del self._parts[number]
                in_order = [parts[row] for row in sorted(parts)]
                joined = {name: np.concatenate([own[name] for own in in_order]) for name in self._heads}
                whole.append((number, Reading(text, joined)))
        return whole

    def _of_rows(
        self, rows: Sequence[Row], logits: Mapping[str, NDArray[np.float32]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Return, for each row, by task: shape (1, width), or (units that its window answers for, width)."""
        by_unit = {head.unit: head for head in self._heads.values() if head.of_units}
        places = {unit: self._places(rows, head) for unit, head in by_unit.items()}  # once for all tasks of a unit
        by_task = [
            _at_places(logits[name], places[head.unit]) if head.of_units else list(logits[name][:, None])
            for name, head in self._heads.items()
        ]
        return [dict(zip(self._heads, own, strict=True)) for own in zip(*by_task, strict=True)]

    def _places(self, rows: Sequence[Row], head: HeadSpec) -> list[NDArray[np.int64]]:
        """Return, for each row, where in it the units' first pieces stand that its window answers for."""
        return [owned_units(row, head)[0] + self._offset for row in rows]


def _at_places(logits: NDArray[np.float32], places: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
    """Return, for each row of a batch, the logits at some of its places: shape (places, width)."""
    counts = [len(own) for own in places]
    found = logits[np.repeat(np.arange(len(places)), counts), np.concatenate(places)]
    ends = list(accumulate(counts))
    return [found[end - count : end] for end, count in zip(ends, counts, strict=True)]
