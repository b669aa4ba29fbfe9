"""How long texts are, in pieces, against what the encoder reads at once."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

import numpy as np

from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.encoding import Encoded, TextEncoder

PERCENTILES = (50, 90, 95, 99, 100)
_BINS = 40


class Lengths:
    """Collects the lengths of texts, special tokens included.

    Args:
        encoder: What cuts them.
        findings: Hears of texts that go through the encoder in several rows.
    """

    def __init__(self, encoder: TextEncoder, findings: Findings) -> None:
        self._encoder, self._findings = encoder, findings
        self._lengths: dict[str, array[int]] = {}
        self._rows: Counter[str] = Counter()
        self._longer: Counter[str] = Counter()

    def at(self, seen: Seen) -> None:
        """Take a record."""
        if seen.encoded is None:
            return
        length, rows = self._length(seen.encoded), len(seen.encoded.windows)
        self._lengths.setdefault(seen.split, array("I")).append(length)
        self._rows[seen.split] += rows
        if rows > 1:
            self._longer[seen.split] += 1
            found = f"{length:,} pieces, {self._encoder.max_pieces:,} are read at once: {rows} windows"
            self._findings.add("too long", seen.record, found, pieces=length, windows=rows)

    def result(self) -> dict[str, Any]:
        """Return percentiles, texts that are too long, and rows, by split."""
        return {
            "lengths": {
                "limit": self._encoder.max_pieces,
                "splits": {split: self._of(split) for split in self._lengths},
            }
        }

    def _of(self, split: str) -> dict[str, Any]:
        lengths = np.frombuffer(self._lengths[split], dtype=np.uint32)
        values = np.percentile(lengths, PERCENTILES, method="higher").astype(int).tolist()
        counts, edges = np.histogram(lengths, bins=min(_BINS, int(np.ptp(lengths)) + 1))
        return {
            "texts": len(lengths),
            "percentiles": {str(share): value for share, value in zip(PERCENTILES, values, strict=True)},
            "longer": self._longer[split],
            "rows": self._rows[split],
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        }

    def _length(self, encoded: Encoded) -> int:
        own, pair = self._encoder, encoded.second is not None
        around = len(own.prefix) + (len(own.middle) + len(own.end) if pair else len(own.suffix))
        return around + len(encoded.ids) + len(encoded.second_ids)
