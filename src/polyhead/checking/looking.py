"""One way through all records, on which everything that needs tasks or pieces is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.files import SPLITS
from polyhead.checking.reading import OnRecords
from polyhead.encoding import Encoded, TextEncoder
from polyhead.records import Record

_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class Seen:
    """One record on the way.

    Attributes:
        record: The record.
        split: Its split, of `SPLITS`.
        encoded: Its pieces; `None` without an encoder.
    """

    record: Record
    split: str
    encoded: Encoded | None


class Look(Protocol):
    """Looks at one record after the other, training records first."""

    def at(self, seen: Seen) -> None:
        """Look at a record."""

    def result(self) -> dict[str, Any]:
        """Return what is known in the end, as parts of the whole result; tell of findings that wanted the whole."""


def look_at_all(
    records: Sequence[Record],
    split_of: NDArray[np.uint8],
    encoder: TextEncoder | None,
    looks: Sequence[Look],
    on_records: OnRecords,
) -> dict[str, Any]:
    """Go through the records.

    Args:
        records: The records.
        split_of: By record, the number of its split.
        encoder: What cuts them into pieces.
        looks: What looks at them.
        on_records: Hears how far it is.

    Returns:
        What all looks know, together.
    """
    for seen in _all(records, split_of, encoder, on_records):
        for look in looks:
            look.at(seen)
    return {key: value for look in looks for key, value in look.result().items()}


def _all(
    records: Sequence[Record], split_of: NDArray[np.uint8], encoder: TextEncoder | None, on_records: OnRecords
) -> Iterator[Seen]:
    for start in range(0, len(records), _AT_ONCE):
        part = list(records[start : start + _AT_ONCE])
        encoded = encoder.encode([record.texts for record in part]) if encoder else [None] * len(part)
        splits = split_of[start : start + _AT_ONCE].tolist()
        for record, split, pieces in zip(part, splits, encoded, strict=True):
            yield Seen(record, SPLITS[split], pieces)
        on_records("looking at annotations and pieces", len(part))
