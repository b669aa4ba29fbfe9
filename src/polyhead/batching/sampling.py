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


def slots(lengths: Indices) -> int:
    """Return the pieces of rows that are padded to the longest of them, padding included.

    Args:
        lengths: Shape (rows,): pieces of each.
    """
    return len(lengths) * int(lengths.max())


Step = tuple[SubBatch, ...]
"""What one optimiser step sees: the losses of its sub-batches are summed."""


def batches_by_length(lengths: Sequence[int] | Indices, *, batch_size: int, seed: Sequence[int]) -> list[Indices]:
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


@dataclass(frozen=True)
class Rows:
    """What is to be put in order.

    Attributes:
        lengths: Length of each row.
        members: By task, the rows that have something to say to it.
        sources: By name, the rows of each source: a data set, or a task.
        feeds: By name, the tasks whose losses a source's batches add.
    """

    lengths: Sequence[int]
    members: Mapping[str, Indices]
    sources: Mapping[str, Indices]
    feeds: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Mixing:
    """How rows are put in order.

    Attributes:
        batch_size: Rows in a batch.
        seed: The run's seed.
        temperature: For `temperature_steps`.
    """

    batch_size: int
    seed: int
    temperature: float = 1.0


def joint_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch of joint training: every row once, for all tasks that it has targets of."""
    tasks = frozenset(rows.members)
    batches = batches_by_length(rows.lengths, batch_size=mixing.batch_size, seed=(mixing.seed, epoch))
    return [(SubBatch(batch, tasks),) for batch in batches]


def alternating_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch of alternating training: one sub-batch a task in each.

    The task with the most rows is gone through once; a task with fewer begins again, in a new order; one with none
    takes no part.
    """
    members = {name: own for name, own in rows.members.items() if len(own)}
    steps = max(-(-len(own) // mixing.batch_size) for own in members.values())
    by_task = []
    for number, (name, own) in enumerate(members.items()):
        batches: list[Indices] = []
        while len(batches) < steps:
            batches += _batches_of(rows, own, mixing, seed=(mixing.seed, epoch, number, len(batches)))
        by_task.append([SubBatch(batch, frozenset({name})) for batch in batches[:steps]])
    return list(zip(*by_task, strict=True))


def proportional_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch in which each source has its share of rows: every row of it once."""
    return _mixed(rows, mixing, epoch=epoch, exponent=1.0)


def uniform_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch in which all sources have equal shares; as many steps as `proportional_steps`."""
    return _mixed(rows, mixing, epoch=epoch, exponent=0.0)


def temperature_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch with shares that grow as n^(1/T) (Arivazhagan et al. 2019, section 4.2)."""
    return _mixed(rows, mixing, epoch=epoch, exponent=1.0 / mixing.temperature)


def round_robin_steps(rows: Rows, mixing: Mixing, *, epoch: int) -> list[Step]:
    """Return the steps of one epoch in which the sources take turns until the largest is gone through once."""
    sources = {name: own for name, own in rows.sources.items() if len(own)}
    turns = max(-(-len(own) // mixing.batch_size) for own in sources.values())
    streams = [
        _stream(rows, own, mixing, number=number, start=(epoch - 1) * turns, count=turns)
        for number, own in enumerate(sources.values())
    ]
    return [
        (SubBatch(batch, rows.feeds[name]),)
        for turn in zip(*streams, strict=True)
        for name, batch in zip(sources, turn, strict=True)
    ]


def _mixed(rows: Rows, mixing: Mixing, *, epoch: int, exponent: float) -> list[Step]:
    """Share out as many steps as it takes to go through all sources once, and shuffle them."""
    sources = {name: own for name, own in rows.sources.items() if len(own)}
    passes = {name: -(-len(own) // mixing.batch_size) for name, own in sources.items()}
    counts = passes
    if exponent != 1.0:
        counts = _shared_out(sum(passes.values()), {name: len(own) ** exponent for name, own in sources.items()})
    steps: list[Step] = []
    for number, (name, own) in enumerate(sources.items()):
        count = counts[name]
        batches = _stream(rows, own, mixing, number=number, start=(epoch - 1) * count, count=count)
        steps += [(SubBatch(batch, rows.feeds[name]),) for batch in batches]
    order = np.random.default_rng([mixing.seed, epoch, len(steps)]).permutation(len(steps))
    return [steps[index] for index in order]


def _shared_out(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Share out a number of steps, each source getting at least one, by the largest remainders."""
    exact = np.array(list(shares.values())) / sum(shares.values()) * total
    counts = np.maximum(np.floor(exact).astype(int), 1)
    largest_first = np.argsort(counts - exact, kind="stable")  # a source that was raised to one step has no remainder
    counts[largest_first[: max(0, total - int(counts.sum()))]] += 1
    return dict(zip(shares, counts.tolist(), strict=True))


def _stream(rows: Rows, own: Indices, mixing: Mixing, *, number: int, start: int, count: int) -> list[Indices]:
    """Return a stretch of a source's batches, which follow each other pass after pass, each pass in a new order."""
    a_pass = -(-len(own) // mixing.batch_size)
    found: list[Indices] = []
    for at in range(start // a_pass, -(-(start + count) // a_pass)):
        found += _batches_of(rows, own, mixing, seed=(mixing.seed, number, at, a_pass))
    skipped = start % a_pass
    return found[skipped : skipped + count]


def _batches_of(rows: Rows, own: Indices, mixing: Mixing, *, seed: Sequence[int]) -> list[Indices]:
    lengths = np.asarray(rows.lengths)[own]
    return [own[batch] for batch in batches_by_length(lengths, batch_size=mixing.batch_size, seed=seed)]


STRATEGIES = {
    "joint": joint_steps,
    "alternating": alternating_steps,
    "proportional": proportional_steps,
    "uniform": uniform_steps,
    "temperature": temperature_steps,
    "round_robin": round_robin_steps,
}
