"""Texts that are there several times, or nearly so, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import conflicts_of, twins_of
from polyhead.checking.files import SPLITS
from polyhead.checking.findings import Findings
from polyhead.checking.near import NearPair, near_pairs
from polyhead.checking.reading import OnRecords
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


def tell_near(
    records: Sequence[Record],
    first: NDArray[np.int64],
    split_of: NDArray[np.uint8],
    findings: Findings,
    *,
    folder: Path,
    at_least: float,
    on_records: OnRecords,
) -> None:
    """Tell of each text that is nearly equal to one before it; of several, one of an earlier split, or the nearest.

    Args:
        records: The records.
        first: By record, the first with its text: equal texts are looked at once.
        split_of: By record, the number of its split.
        findings: Hears of them.
        folder: Where what is worked out can be kept.
        at_least: The similarity from which on texts are nearly equal.
        on_records: Hears how far it is.
    """
    own = np.flatnonzero(first == np.arange(len(first)))
    pairs = near_pairs(
        _texts(records, own, on_records),
        lambda at: _key(records[int(own[at])]),
        folder,
        at_least=at_least,
    )
    for pair in _nearest(pairs, split_of[own]):
        record, other = int(own[pair.record]), int(own[pair.other])
        across = split_of[record] != split_of[other]
        place = records[other].source
        found = f"{100 * pair.similarity:.0f} % as {place}: {records[other].text}"
        if across:
            found = f"{SPLITS[split_of[record]]} text, {100 * pair.similarity:.0f} % as {place}: {records[other].text}"
        findings.add(
            "near leak" if across else "near duplicate",
            records[record],
            found,
            other=str(place),
            similarity=round(pair.similarity, 4),
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


def _texts(records: Sequence[Record], own: NDArray[np.int64], on_records: OnRecords) -> Iterator[str]:
    is_first = np.zeros(len(records), dtype=np.bool_)
    is_first[own] = True
    for at, record in enumerate(records):
        if is_first[at]:
            yield _key(record)
            on_records("looking for nearly equal texts", 1)


def _key(record: Record) -> str:
    """Return what is compared: the text, or both, whatever their case and white space."""
    return text_key(record.text) if record.second is None else f"{text_key(record.text)}\n{text_key(record.second)}"
