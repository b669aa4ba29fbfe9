"""Rows that were encoded before, as arrays in which one follows the other: a batch is gathered from them as a whole.

What is in no array is made anew when it is asked for: a stored example is an `Example` for whoever looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from polyhead.batching.collate import Batch, Row
from polyhead.batching.targets import Array, Example, Target, known
from polyhead.encoding import Encoded, TextEncoder, Window
from polyhead.records import Source
from polyhead.tasks import IGNORE, HeadSpec

Indices = NDArray[np.int64]

_AT_ONCE = 1 << 20
"""Ids that are looked at at once, so that those of all rows are never held."""


@dataclass(frozen=True)
class StoredTargets:
    """One task's targets of all rows.

    Attributes:
        values: Of a sentence head, shape (rows, …); of the others, shape (units, …).
        places: Of the others, shape (units,): where in its row each unit's first piece stands; else `None`.
        offsets: Of the others, shape (rows + 1,): where each row's units begin, and where the last one's end.
    """

    values: Array
    places: NDArray[Any] | None = None
    offsets: Indices | None = None

    def fill(self, into: Array, rows: Indices) -> None:
        """Put the targets of some rows into a batch's.

        Args:
            into: Shape (rows, …), or (rows, length, …).
            rows: Which.
        """
        if self.places is None or self.offsets is None:
            into[...] = self.values[rows]
            return
        starts = self.offsets[rows]
        counts = self.offsets[rows + 1] - starts
        units = _stretches(starts, counts)
        into[np.repeat(np.arange(len(rows)), counts), self.places[units]] = self.values[units]


@dataclass(frozen=True)
class StoredArrays:
    """What there is of all rows.

    Attributes:
        ids: All rows' pieces, special tokens included, one row after the other.
        offsets: Shape (rows + 1,): where each row begins, and where the last one ends.
        seconds: Shape (rows,): how many pieces at a row's end belong to a second text; -1 where it has none.
        texts: Shape (rows,): the number of each row's text, of all that are trained on.
        sources: Shape (rows,): the number of the data set that each comes from.
        continues: Shape (rows,): whether the row goes on with a text that another row began.
        carried: Shape (rows, tasks): whether it has something to say to a task.
        weights: By data set, the weight of its rows' losses.
        targets: By task, in the order of `carried`.
    """

    ids: NDArray[Any]
    offsets: Indices
    seconds: NDArray[Any]
    texts: NDArray[Any]
    sources: NDArray[Any]
    continues: NDArray[np.bool_]
    carried: NDArray[np.bool_]
    weights: tuple[float, ...]
    targets: Mapping[str, StoredTargets]


class StoredRows(Sequence[Example]):
    """The rows to train on.

    Args:
        arrays: All that a batch needs of them.
        digest: A SHA-256 over all that is trained on.
        remake: Makes a text's rows anew, by its number: what a person is to see is in no array.
    """

    def __init__(self, arrays: StoredArrays, *, digest: str, remake: Callable[[int], list[Example]]) -> None:
        self.arrays, self.digest, self._remake = arrays, digest, remake
        self._columns = {name: at for at, name in enumerate(arrays.targets)}

    def __len__(self) -> int:
        return len(self.arrays.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [StoredExample(self, number) for number in range(len(self))[index]]
        return StoredExample(self, range(len(self))[index])

    @cached_property
    def lengths(self) -> Indices:
        """Shape (rows,): pieces in each row, special tokens included."""
        return np.diff(self.arrays.offsets)

    def pieces(self) -> Indices:
        """Return the ids that occur, sorted, each once."""
        ids = self.arrays.ids
        parts = [np.unique(ids[start : start + _AT_ONCE]) for start in range(0, len(ids), _AT_ONCE)]
        return np.unique(np.concatenate(parts)).astype(np.int64) if parts else np.zeros(0, dtype=np.int64)

    def members(self, task: str) -> Indices:
        """Return the rows that have something to say to a task."""
        return np.flatnonzero(self.arrays.carried[:, self._columns[task]])

    def texts_cut(self) -> int:
        """Return how many texts have more than one row."""
        return len(np.unique(self.arrays.texts[np.flatnonzero(self.arrays.continues)]))

    def of_source(self, number: int) -> Indices:
        """Return the rows of a data set."""
        return np.flatnonzero(self.arrays.sources == number)

    def tasks_of(self, row: int) -> frozenset[str]:
        """Return the tasks to which a row has something to say."""
        return frozenset(name for name, at in self._columns.items() if self.arrays.carried[row, at])

    def remade(self, row: int) -> Example:
        """Make a row anew, with its text and all of its targets."""
        text = int(self.arrays.texts[row])
        first = int(np.searchsorted(self.arrays.texts, text))
        return self._remake(text)[row - first]

    def batch(self, rows: Indices, *, pad_id: int) -> Batch:
        """Gather rows; see `collate`."""
        lengths, starts = self.lengths[rows], self.arrays.offsets[rows]
        places = np.arange(lengths.max())
        inside = places < lengths[:, None]
        ids = np.full(inside.shape, pad_id, dtype=np.int64)
        ids[inside] = self.arrays.ids[_stretches(starts, lengths)]
        seconds = self.arrays.seconds[rows]
        types = None
        if (seconds >= 0).any():
            begins = lengths - np.maximum(seconds, 0)
            types = (inside & (places >= begins[:, None])).astype(np.int64)
        return Batch(ids, inside.astype(np.int64), types)

    def targets(self, rows: Indices, heads: Mapping[str, HeadSpec], *, length: int) -> dict[str, Target]:
        """Gather targets; see `collate_targets`."""
        weights = np.array(self.arrays.weights, dtype=np.float32)[self.arrays.sources[rows]]
        continues = self.arrays.continues[rows]
        targets = {}
        for name, head in heads.items():
            if name not in self._columns or not self.arrays.carried[rows, self._columns[name]].any():
                continue
            lead = (len(rows), length) if head.of_units else (len(rows),)
            empty, kind = (np.nan, np.float32) if head.is_number else (IGNORE, np.int64)
            values = np.full((*lead, *head.target), empty, dtype=kind)
            self.arrays.targets[name].fill(values, rows)
            if known(values).any():
                targets[name] = Target(values, None, weights, continues)
        return targets


class _Numbered:
    """What is looked up among the stored rows, by a number; the classes that it stands for allow no other setting."""

    def __init__(self, rows: StoredRows, number: int) -> None:
        object.__setattr__(self, "_rows", rows)
        object.__setattr__(self, "_number", number)

    _rows: StoredRows
    _number: int


class StoredRow(_Numbered, Row):
    """One of the stored rows."""

    @property
    def length(self) -> int:
        """Pieces in the row, special tokens included."""
        return int(self._rows.lengths[self._number])

    @property
    def encoded(self) -> Encoded:
        """The text, encoded anew."""
        return self._rows.remade(self._number).row.encoded

    @property
    def window(self) -> Window:
        """The window, cut anew."""
        return self._rows.remade(self._number).row.window

    def batch(self, rows: Sequence[Row], encoder: TextEncoder) -> Batch:
        """Gather stored rows."""
        return self._rows.batch(_numbers(rows), pad_id=encoder.pad_id)


class StoredExample(_Numbered, Example):
    """One of the stored rows, with its targets."""

    @property
    def row(self) -> Row:
        """The window."""
        return StoredRow(self._rows, self._number)

    @property
    def targets(self) -> Mapping[str, Array]:
        """By task, the target of the whole text, made anew."""
        return self._rows.remade(self._number).targets

    @property
    def soft(self) -> Mapping[str, NDArray[np.float32]]:
        """Nothing: what teachers say is not stored."""
        return {}

    @property
    def weight(self) -> float:
        """Weight of its losses."""
        return self._rows.arrays.weights[self.source]

    @property
    def source(self) -> int:
        """Number of the data set it comes from."""
        return int(self._rows.arrays.sources[self._number])

    @property
    def place(self) -> Source | None:
        """Where its record stood, looked up."""
        return self._rows.remade(self._number).place

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks to which it has something to say."""
        return self._rows.tasks_of(self._number)

    def gather(
        self, examples: Sequence[Example], heads: Mapping[str, HeadSpec], *, length: int, offset: int
    ) -> dict[str, Target]:
        """Gather targets of stored rows, which hold special tokens already."""
        del offset
        return self._rows.targets(_numbers(examples), heads, length=length)


def _numbers(rows: Sequence[Any]) -> Indices:
    return np.fromiter((row._number for row in rows), dtype=np.int64, count=len(rows))


def _stretches(starts: Indices, counts: Indices) -> Indices:
    """Return the places of several stretches, one stretch after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)
