"""Batches of few shapes, for what makes its products anew for each shape that it meets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch

_LENGTHS = ((64, 4), (128, 8))
_ROWS = ((8, 1), (32, 4))
"""Up to how many, in steps of how many."""
_LAST_LENGTH, _LAST_ROWS = 16, 8
"""Steps of what is beyond."""


def rounded(batch: Batch, *, pad_id: int, longest: int) -> Batch:
    """Return a batch with rows and length rounded up, as far as that fits; what is added is padding.

    Args:
        batch: The batch.
        pad_id: The id that fills rows up.
        longest: Pieces that a row may have.
    """
    rows, length = batch.ids.shape
    wanted = _up(rows, _ROWS, _LAST_ROWS), max(length, min(_up(length, _LENGTHS, _LAST_LENGTH), longest))
    if wanted == (rows, length):
        return batch
    mask = _larger(batch.mask, wanted, 0)
    mask[rows:, 0] = 1  # a row with nothing in it would make attention divide by zero
    types = None if batch.types is None else _larger(batch.types, wanted, 0)
    return Batch(_larger(batch.ids, wanted, pad_id), mask, types)


def _up(count: int, steps: tuple[tuple[int, int], ...], last: int) -> int:
    step = next((step for most, step in steps if count <= most), last)
    return -(-count // step) * step


def _larger(values: NDArray[np.int64], shape: tuple[int, int], fill: int) -> NDArray[np.int64]:
    found = np.full(shape, fill, dtype=values.dtype)
    found[: values.shape[0], : values.shape[1]] = values
    return found
