"""Texts that are there several times, or nearly so, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import conflicts_of, twins_of
from polyhead.checking.files import SPLITS
from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.checking.near import NearPair, NearTexts
from polyhead.records import Record, text_key
from polyhead.tasks import Task


def tell_twins(
    records: Sequence[Record], first: NDArray[np.int64], split_of: NDArray[np.uint8], findings: Findings
) -> None:
    """Tell of each record whose text stands before it, in its own split or an earlier one.

    Args:
        records: The records, split after split.
        first: By record, the first with its text.
        split_of: By record, the number of its split.
        findings: Hears of them.
    """
    for twin in twins_of(first, split_of):
        record, other = records[twin.record], records[twin.other]
        found = f"as {other.source}"
        if twin.across:
            found = f"{SPLITS[split_of[twin.record]]} text, in {SPLITS[split_of[twin.other]]}, too: {other.source}"
        findings.add("leak" if twin.across else "duplicate", record, found, other=str(other.source))


def tell_conflicts(
    records: Sequence[Record], first: NDArray[np.int64], tasks: Sequence[Task], findings: Findings
) -> None:
    """Tell of each record that is annotated differently from one of equal text; see `conflicts_of`."""
    for conflict in conflicts_of(records, first, tasks):
        other = records[conflict.other].source
        found = f"{conflict.task}: {conflict.given}, but {conflict.others} at {other}"
        findings.add(
            "conflict",
            records[conflict.record],
            found,
            task=conflict.task,
            given=conflict.given,
            other=str(other),
            other_given=conflict.others,
        )


class NearRepeats:
    """Looks at each text that is none of those before it, and tells of nearly equal ones in the end.

    Of several a text is said to be nearly as one of an earlier split, or the nearest.

    Args:
        records: The records.
        first: By record, the first with its text: equal texts are looked at once.
        split_of: By record, the number of its split.
        folder: Where what is worked out can be kept.
        at_least: The similarity from which on texts are nearly equal.
        findings: Hears of them.
    """

    def __init__(
        self,
        records: Sequence[Record],
        first: NDArray[np.int64],
        split_of: NDArray[np.uint8],
        *,
        folder: Path,
        at_least: float,
        findings: Findings,
    ) -> None:
        self._records, self._split_of, self._findings = records, split_of, findings
        self._is_first = first == np.arange(len(first))
        self._at = 0
        self._texts = NearTexts(folder, at_least=at_least)

    def at(self, seen: Seen) -> None:
        """Take the next record."""
        if self._is_first[self._at]:
            self._texts.add(_key(seen.record))
        self._at += 1

    def result(self) -> dict[str, Any]:
        """Tell of nearly equal texts."""
        own = np.flatnonzero(self._is_first)
        pairs = self._texts.pairs(lambda at: _key(self._records[int(own[at])]))
        for pair in _nearest(pairs, self._split_of[own]):
            self._tell(int(own[pair.record]), int(own[pair.other]), pair.similarity)
        return {}

    def _tell(self, at: int, other_at: int, similarity: float) -> None:
        record, other = self._records[at], self._records[other_at]
        split, across = SPLITS[self._split_of[at]], bool(self._split_of[at] != self._split_of[other_at])
        found = f"{100 * similarity:.0f} % as {other.source}: {other.text}"
        self._findings.add(
            "near leak" if across else "near duplicate",
            record,
            f"{split} text, {found}" if across else found,
            other=str(other.source),
            similarity=round(similarity, 4),
        )


def _nearest(pairs: Iterator[NearPair], split_of: NDArray[np.uint8]) -> Iterator[NearPair]:
    """Yield one pair for each text, of its pairs that come one after the other."""
    best: NearPair | None = None
    for pair in pairs:
        if best is not None and pair.record != best.record:
            yield best
            best = None
        if best is None or _rank(pair, split_of) > _rank(best, split_of):
            best = pair
    if best is not None:
        yield best


def _rank(pair: NearPair, split_of: NDArray[np.uint8]) -> tuple[bool, float]:
    return bool(split_of[pair.record] != split_of[pair.other]), pair.similarity


def _key(record: Record) -> str:
    """Return what is compared: the text, or both, whatever their case and white space."""
    return text_key(record.text) if record.second is None else f"{text_key(record.text)}\n{text_key(record.second)}"
