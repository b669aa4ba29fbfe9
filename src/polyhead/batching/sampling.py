"""The order in which rows come: pure functions of seed and epoch, so that nothing of it needs saving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MEGA_BATCH = 50
"""Batches among which rows are sorted by length: enough for little padding, few enough to stay random."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SubBatch:
    """Rows that go through the encoder together.

    Attributes:
        rows: Their indices.
        tasks: The tasks whose losses they add, as far as they have targets for them.
    """

    rows: Indices
    tasks: frozenset[str]


Step = tuple[SubBatch, ...]
"""What one optimiser step sees: the losses of its sub-batches are summed."""


def batches_by_length(lengths: Sequence[int], *, batch_size: int, seed: Sequence[int]) -> list[Indices]:
    """Shuffle rows, sort by length inside mega-batches, cut, and shuffle the batches.

    Args:
        lengths: Length of each row.
        batch_size: Rows in a batch; the last one may be smaller.
        seed: What the order is a function of: the run's seed, the epoch, and whatever else.

    Returns:
        Indices of the rows of each batch. Each row is in one batch.
    """
    random = np.random.default_rng(list(seed))
    order = random.permutation(len(lengths))
    by_row = np.asarray(lengths)
    batches: list[Indices] = []
    mega = batch_size * _MEGA_BATCH
    for start in range(0, len(order), mega):
        part = order[start : start + mega]
        part = part[np.argsort(by_row[part], kind="stable")]
        batches += [part[at : at + batch_size] for at in range(0, len(part), batch_size)]
    return [batches[index] for index in random.permutation(len(batches))]


def joint_steps(
    lengths: Sequence[int], members: Mapping[str, Indices], *, batch_size: int, seed: int, epoch: int
) -> list[Step]:
    """Return the steps of one epoch of joint training: every row once, for all tasks that it has targets of.

    Args:
        lengths: Length of each row.
        members: By task, the rows that have a target for it.
        batch_size: Rows in a batch.
        seed: The run's seed.
        epoch: The epoch, from 1.
    """
    tasks = frozenset(members)
    batches = batches_by_length(lengths, batch_size=batch_size, seed=(seed, epoch))
    return [(SubBatch(batch, tasks),) for batch in batches]


def alternating_steps(
    lengths: Sequence[int], members: Mapping[str, Indices], *, batch_size: int, seed: int, epoch: int
) -> list[Step]:
    """Return the steps of one epoch of alternating training: one sub-batch a task in each.

    The task with the most rows is gone through once; a task with fewer begins again, in a new order; one with none
    takes no part. The arguments are those of `joint_steps`.
    """
    members = {name: rows for name, rows in members.items() if len(rows)}
    steps = max(-(-len(rows) // batch_size) for rows in members.values())
    by_row = np.asarray(lengths)
    by_task = []
    for number, (name, rows) in enumerate(members.items()):
        batches: list[Indices] = []
        while len(batches) < steps:
            order_seed = (seed, epoch, number, len(batches))
            order = batches_by_length(by_row[rows].tolist(), batch_size=batch_size, seed=order_seed)
            batches += [rows[batch] for batch in order]
        by_task.append([SubBatch(batch, frozenset({name})) for batch in batches[:steps]])
    return list(zip(*by_task, strict=True))


STRATEGIES = {"joint": joint_steps, "alternating": alternating_steps}


def token_budget_batches(lengths: Sequence[int], *, budget: int) -> list[Indices]:
    """Sort rows by length and cut them so that no batch, padded, holds more than `budget` slots.

    A single row longer than the budget is a batch of its own.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")[::-1]
    batches: list[Indices] = []
    start = 0
    while start < len(order):
        rows = max(1, budget // lengths[order[start]])
        batches.append(order[start : start + rows])
        start += rows
    return batches
