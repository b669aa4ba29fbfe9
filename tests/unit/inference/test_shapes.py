"""Batches of few shapes: what is added is padding, and what was there stays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyhead.batching import Batch
from polyhead.inference.shapes import rounded


def batch_of(rows: int, length: int, *, types: bool) -> Batch:
    ids = np.arange(1, rows * length + 1, dtype=np.int64).reshape(rows, length)
    return Batch(ids, np.ones_like(ids), np.ones_like(ids) if types else None)


@given(rows=st.integers(1, 300), length=st.integers(1, 512), spare=st.integers(0, 40), types=st.booleans())
def test_what_was_there_stays_and_what_is_added_is_padding(rows: int, length: int, spare: int, types: bool) -> None:
    batch = batch_of(rows, length, types=types)
    found = rounded(batch, pad_id=7, longest=length + spare)
    assert (found.ids[:rows, :length] == batch.ids).all()
    assert (found.mask[:rows, :length] == 1).all()
    assert (found.ids[rows:] == 7).all()
    assert (found.ids[:, length:] == 7).all()
    assert (found.mask[:, length:] == 0).all()
    assert (found.mask.sum(axis=1) >= 1).all(), "a row that holds nothing has no attention"
    assert found.ids.shape == found.mask.shape
    assert length <= found.ids.shape[1] <= length + spare
    assert (found.types is None) is not types


def test_a_row_that_is_longer_than_rows_may_be_is_left_as_long() -> None:
    assert rounded(batch_of(1, 13, types=False), pad_id=0, longest=10).ids.shape == (1, 13)


def test_there_are_few_shapes() -> None:
    """Of the batches of up to 2,048 slots, in whose lengths and rows texts differ at will."""
    shapes = {
        rounded(batch_of(rows, length, types=False), pad_id=0, longest=512).ids.shape
        for length in range(3, 513)
        for rows in range(1, 2048 // length + 1)
    }
    every = sum(2048 // length for length in range(3, 513))
    assert every > 8_000
    assert len(shapes) < 700
