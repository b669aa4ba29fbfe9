"""Windows of texts to padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded, TextEncoder, Window


@dataclass(frozen=True)
class Row:
    """One window of a text: what takes one row of a batch.

    Attributes:
        encoded: The text.
        window: The window.
        length: Pieces in the row, special tokens included.
    """

    encoded: Encoded
    window: Window
    length: int

    def batch(self, rows: Sequence[Row], encoder: TextEncoder) -> Batch:
        """Put rows of this sort together; see `collate`."""
        lengths = np.array([row.length for row in rows])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, encoder.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate([part for row in rows for part in encoder.parts(row.encoded, row.window)])
        types = None
        if any(row.encoded.second is not None for row in rows):
            types = np.zeros_like(ids)
            types[mask] = np.concatenate([encoder.row(row.encoded, row.window)[1] for row in rows])
        return Batch(ids, mask.astype(np.int64), types)


@dataclass(frozen=True)
class Batch:
    """Input of the model.

    Attributes:
        ids: Shape (rows, length): piece ids, padded on the right.
        mask: Shape (rows, length): 1 where there is a piece or special token, 0 at padding.
        types: Shape (rows, length): 1 at the pieces of a row's second text, else 0; `None` where no row has a second.
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    types: NDArray[np.int64] | None = None


def rows_of(encoded: Encoded, encoder: TextEncoder) -> list[Row]:
    """Return one row for each window of a text."""
    return [Row(encoded, window, encoder.row_length(encoded, window)) for window in encoded.windows]


def collate(rows: Sequence[Row], encoder: TextEncoder) -> Batch:
    """Put special tokens around each window, a second text behind it, and pad to the longest row.

    Args:
        rows: All made just now, or all of the same `StoredRows`.
        encoder: What they were encoded with.
    """
    return rows[0].batch(rows, encoder)
