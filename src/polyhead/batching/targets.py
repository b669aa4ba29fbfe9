"""Targets of a batch: scattered from units to pieces, `IGNORE` wherever there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyhead.batching.collate import Row
from polyhead.tasks import IGNORE, HeadSpec

Targets = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Example:
    """A row to train on.

    Attributes:
        row: The window.
        targets: By task, what `Task.encode` gave for the whole text. A task that is not in here is unknown.
    """

    row: Row
    targets: Mapping[str, NDArray[np.int64]]


def collate_targets(examples: Sequence[Example], heads: Mapping[str, HeadSpec], *, length: int, offset: int) -> Targets:
    """Gather targets as the losses want them.

    Args:
        examples: The rows of the batch.
        heads: The head of each task.
        length: Length of the padded rows.
        offset: Special tokens before a text's first piece.

    Returns:
        By task, shape (rows,) for a sentence head and (rows, length) for a token head. A task without a single
        target in the batch is left out.
    """
    targets: Targets = {}
    for name, head in heads.items():
        shape = (len(examples),) if head.reads == "sentence" else (len(examples), length)
        gathered = np.full(shape, IGNORE, dtype=np.int64)
        for index, example in enumerate(examples):
            if name not in example.targets:
                continue
            if head.reads == "sentence":
                gathered[index] = example.targets[name]
            else:
                places, units = owned_units(example.row, head)
                gathered[index, places + offset] = example.targets[name][units]
        if (gathered != IGNORE).any():
            targets[name] = gathered
    return targets


def owned_units(row: Row, head: HeadSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the units that a row's window answers for.

    Returns:
        The place of each unit's first piece, counted from the window's first piece; and the units' indices.
    """
    first_piece = row.encoded.units(head.unit).first_piece
    units = np.flatnonzero((first_piece >= row.window.own_start) & (first_piece < row.window.own_stop))
    return first_piece[units] - row.window.start, units
