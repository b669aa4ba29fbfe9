"""Records to parts: groups are shared out, labels in proportion."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Record
from polyhead.splitting.entities import Pool, pools, unseen, values_of
from polyhead.splitting.evening import even_out
from polyhead.splitting.stratify import Wanted, choose, groups_of, stratify, whole_shares
from polyhead.splitting.texts import Shows
from polyhead.tasks import Task

Label = tuple[str, Hashable]
_A_SEEN_MENTION = 0.1
"""What it costs that the last part mentions a value that others show: ten such mentions are as bad as a label that is
wanted 100 times and is there 110 times, or 90."""


@dataclass(frozen=True)
class Labels:
    """The labels that records show.

    Attributes:
        names: By number, task and label; with `None` for a label: that the task annotates a record at all.
        of_record: By record, the numbers of its labels.
    """

    names: list[Label]
    of_record: list[tuple[int, ...]]

    @classmethod
    def of(cls, records: Sequence[Record], tasks: Sequence[Task]) -> Labels:
        """Number the labels in the order of the tasks, and then as they read."""
        shows = Shows(tasks)
        shown = [shows.number_of(record) for record in records]
        places = {task.name: at for at, task in enumerate(tasks)}
        names = sorted(
            {label for combination in shows.combinations for label in combination},
            key=lambda own: (places[own[0]], own[1] is not None, repr(own[1])),
        )
        numbers = {name: number for number, name in enumerate(names)}
        combinations = [tuple(sorted(numbers[label] for label in own)) for own in shows.combinations]
        return cls(names, [combinations[number] for number in shown])


def share_out(
    joined: NDArray[np.int64], labels: Labels, shares: Sequence[float], *, random: np.random.Generator
) -> NDArray[np.int64]:
    """Share records out, groups as wholes.

    Args:
        joined: By record, the number of its group.
        labels: What the records show.
        shares: Of the parts.
        random: Chooses among equals.

    Returns:
        By record, its part.
    """
    groups = groups_of(joined, labels.of_record, count=len(labels.names))
    wanted = Wanted.in_shares(groups, shares)
    return even_out(groups, wanted, stratify(groups, wanted, random=random))[joined]


@dataclass(frozen=True)
class Unseen:
    """A split whose last part has entities that the others do not have.

    Attributes:
        part_of: By record, its part.
        counts: Of `unseen`.
    """

    part_of: NDArray[np.int64]
    counts: dict[str, Any]


def share_out_unseen(
    joined: NDArray[np.int64],
    labels: Labels,
    shares: Sequence[float],
    *,
    records: Sequence[Record],
    tasks: Sequence[Task],
    seed: int,
) -> Unseen:
    """Share records out so that the last part has entities that the others do not have, as far as possible.

    Args:
        joined: By record, the number of its group.
        labels: What the records show.
        shares: Of the parts.
        records: The records.
        tasks: They say which entities a record shows.
        seed: Chooses among equals.
    """
    values, count = values_of(records, tasks)
    size = whole_shares(len(records), shares)[-1]
    best, least = np.zeros(len(records), dtype=np.bool_), np.inf
    for pool in pools(joined.tolist(), values, count=count, size=size):
        for last in _last_parts(pool, labels, share=shares[-1] / sum(shares), seed=seed):
            counts = unseen(values, last)
            seen = counts["mentions"] - counts["unseen_mentions"]
            loss = _label_loss(labels, last, share=shares[-1] / sum(shares)) + _A_SEEN_MENTION * seen
            if loss < least:
                best, least = last, loss
    part_of = np.full(len(records), len(shares) - 1, dtype=np.int64)
    rest = np.flatnonzero(~best)
    own = Labels(labels.names, [labels.of_record[record] for record in rest.tolist()])
    # Groups of the pool are no matter for the other parts, which may show the same entities.
    among_rest = np.unique(joined[rest], return_inverse=True)[1].astype(np.int64)
    part_of[rest] = share_out(among_rest, own, shares[:-1], random=np.random.default_rng(seed))
    return Unseen(part_of, unseen(values, best))


def _last_parts(pool: Pool, labels: Labels, *, share: float, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Yield, by record, whether it is in the last part: labels in their share, and few values that others show.

    Made in two ways, by the labels at first, and by what is shared at first.
    """
    groups = groups_of(pool.group_of, labels.of_record, count=len(labels.names))
    wanted = Wanted.in_shares(groups, [1 - share, share])
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(groups.sizes))
    order = shuffled[np.argsort((pool.shared / np.maximum(pool.mentions, 1))[shuffled], kind="stable")].tolist()
    costs = (_A_SEEN_MENTION * pool.shared).tolist()
    for chosen in (stratify(groups, wanted, random=random), choose(groups, wanted, order=order)):
        is_last: NDArray[np.bool_] = even_out(groups, wanted, chosen, in_last=costs) == 1
        yield is_last[pool.group_of]


def _label_loss(labels: Labels, last: NDArray[np.bool_], *, share: float) -> float:
    """Return what `even_out` makes less, of the last part."""
    totals = np.bincount(np.concatenate([*labels.of_record, ()]).astype(np.int64), minlength=len(labels.names))
    shown = [labels.of_record[record] for record in np.flatnonzero(last).tolist()]
    got = np.bincount(np.concatenate([*shown, ()]).astype(np.int64), minlength=len(labels.names))
    return float((np.square(got - share * totals) / np.maximum(share * totals, 1)).sum())
