"""Targets of a batch: scattered from units to pieces, nothing wherever there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.batching.collate import Row
from polyhead.records import Source
from polyhead.tasks import IGNORE, HeadSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class Example:
    """A row to train on.

    Attributes:
        row: The window.
        targets: By task, what `Task.encode` gave for the whole text. A task that is not in here is unknown.
        soft: By task, what teachers hold probable, as `Task.soften` gives it for the whole text.
        weight: Weight of its losses: that of the data set it comes from.
        source: Number of the data set it comes from.
        place: Where its record stood, for messages.
    """

    row: Row
    targets: Mapping[str, Array]
    soft: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    weight: float = 1.0
    source: int = 0
    place: Source | None = None

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks to which it has something to say."""
        return frozenset(self.targets) | frozenset(self.soft)

    def name(self) -> str:
        """Return the place of its record; the beginning of the text where it has none."""
        return str(self.place) if self.place else repr(self.row.encoded.text[:40])

    def gather(
        self, examples: Sequence[Example], heads: Mapping[str, HeadSpec], *, length: int, offset: int
    ) -> dict[str, Target]:
        """Gather targets of examples of this sort; see `collate_targets`."""
        weights = np.array([example.weight for example in examples], dtype=np.float32)
        continues = np.array([example.row.window.own_start > 0 for example in examples])
        targets = {}
        for name, head in heads.items():
            lead = (len(examples), length) if head.of_units else (len(examples),)
            empty, kind = (np.nan, np.float32) if head.is_number else (IGNORE, np.int64)
            values = np.full((*lead, *head.target), empty, dtype=kind)
            _scatter(values, [example.targets.get(name) for example in examples], examples, head, offset)
            soft = None
            if any(name in example.soft for example in examples):
                answers = np.full((*lead, head.width), np.nan, dtype=np.float32)
                _scatter(answers, [example.soft.get(name) for example in examples], examples, head, offset)
                soft = answers if known(answers).any() else None  # a window may have no unit of its own
            if known(values).any() or soft is not None:
                targets[name] = Target(values, soft, weights, continues)
        return targets


@dataclass(frozen=True)
class Target:
    """One task's targets in a batch.

    Attributes:
        values: Shape (rows, …) of a sentence head, (rows, length, …) of the others; `IGNORE`, or NaN of numbers, where
            there is none.
        soft: Shape (rows, width) or (rows, length, width): what teachers hold probable, NaN where they say nothing;
            `None` where no row has any.
        weights: Shape (rows,): weights of the rows' losses.
        continues: Shape (rows,): whether the row goes on with a text that another row began.
    """

    values: Array
    soft: NDArray[np.float32] | None
    weights: NDArray[np.float32]
    continues: NDArray[np.bool_]


def collate_targets(
    examples: Sequence[Example], heads: Mapping[str, HeadSpec], *, length: int, offset: int
) -> dict[str, Target]:
    """Gather targets as the losses want them.

    Args:
        examples: The rows of the batch: all made just now, or all of the same `StoredRows`.
        heads: The head of each task.
        length: Length of the padded rows.
        offset: Special tokens before a text's first piece.

    Returns:
        By task. A task without a single target in the batch is left out.
    """
    return examples[0].gather(examples, heads, length=length, offset=offset) if examples else {}


def known(values: Array) -> NDArray[np.bool_]:
    """Return where there is a target."""
    return ~np.isnan(values) if values.dtype.kind == "f" else values != IGNORE


def owned_units(row: Row, head: HeadSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the units that a row's window answers for.

    Returns:
        The place of each unit's first piece, counted from the window's first piece; and the units' indices.
    """
    found = row.encoded.units(head.unit)
    first_piece = found.first_piece
    if found.complete and len(row.encoded.windows) == 1:
        return first_piece, np.arange(len(first_piece))
    units = np.flatnonzero((first_piece >= row.window.own_start) & (first_piece < row.window.own_stop))
    return first_piece[units] - row.window.start, units


def _scatter(
    into: Array, values: Sequence[Array | None], examples: Sequence[Example], head: HeadSpec, offset: int
) -> None:
    for index, (value, example) in enumerate(zip(values, examples, strict=True)):
        if value is None:
            continue
        if head.of_units:
            places, units = owned_units(example.row, head)
            into[index, places + offset] = value[units]
        else:
            into[index] = value
