"""What a person should hear of before a long training: dev texts that are trained on, and what contradicts itself.

A part of what `polyhead check` finds, from what was read anyway.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import Twin, conflicts_of, digest_of, groups_of, twins_of
from polyhead.notices import Notices
from polyhead.preparing.choosing import annotated, taken, together
from polyhead.records import Record
from polyhead.tasks import Task

_TRAIN, _DEV = 0, 1


@dataclass
class Digests:
    """What stands for the texts that are read, 16 bytes each, split after split.

    Attributes:
        train: Those of training records.
        dev: Those of dev records that files give.
        in_both: Files that are named for training and for dev.
    """

    train: bytearray = field(default_factory=bytearray)
    dev: bytearray = field(default_factory=bytearray)
    in_both: frozenset[str] = frozenset()

    @staticmethod
    def noted(records: Iterable[Record], digests: bytearray) -> Iterator[Record]:
        """Yield records, and add their digests."""
        for record in records:
            digests += digest_of(record.texts)
            yield record


def tell_of_repeats(
    train: Sequence[Record], dev: Sequence[Record], digests: Digests, tasks: Sequence[Task], notices: Notices
) -> None:
    """Tell of dev texts that training has, too, of labels that only dev knows, and of equal texts that contradict.

    Args:
        train: The training records, in the order of their digests.
        dev: The dev records, likewise.
        digests: Of both.
        tasks: The tasks.
        notices: Hears of it.
    """
    records = together([train, dev])
    kept = np.flatnonzero(annotated(records))  # a text without annotation is not trained on, and contradicts nothing
    first = groups_of(b"".join([digests.train, digests.dev]))
    split_of = np.repeat(np.array([_TRAIN, _DEV], dtype=np.uint8), [len(train), len(dev)])
    own, first = taken(records, kept), _among(first, kept)
    across = [twin for twin in twins_of(first, split_of[kept]) if twin.across]
    if digests.in_both:  # who names one file for both knows it
        across = [twin for twin in across if _path(own[twin.record]) not in digests.in_both]
    _tell_of_twins(own, across, notices)
    _tell_of_conflicts(own, first, tasks, notices)
    _tell_of_labels(dev, tasks, notices)


def _path(record: Record) -> str:
    return record.source.path if record.source else ""


def _among(first: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, by record that is kept, the first of those kept that has its text."""
    groups, firsts, numbers = np.unique(first[kept], return_index=True, return_inverse=True)
    return firsts[numbers].astype(np.int64) if len(groups) else np.zeros(0, dtype=np.int64)


def _tell_of_twins(records: Sequence[Record], twins: Sequence[Twin], notices: Notices) -> None:
    if twins:
        record, other = records[twins[0].record], records[twins[0].other]
        rule = "{dev texts are|dev text is} in the training data, too (dev scores flatter)"
        notices.add(rule, record.source, f"the text of {other.source}", len(twins))


def _tell_of_conflicts(
    records: Sequence[Record], first: NDArray[np.int64], tasks: Sequence[Task], notices: Notices
) -> None:
    for conflict in conflicts_of(records, first, tasks):
        rule = f"{{records have|record has}} another {conflict.task!r} than a record of equal text (one may be wrong)"
        found = f"{conflict.given}, but {conflict.others} at {records[conflict.other].source}"
        notices.add(rule, records[conflict.record].source, found)


def _tell_of_labels(dev: Sequence[Record], tasks: Sequence[Task], notices: Notices) -> None:
    known = {task.name: set(task.label_names()) for task in tasks}
    for record in dev:
        for task in tasks:
            if known[task.name] and task.name in record.annotations:
                labels = task.labels_in(record.annotations[task.name])
                for label in _unknown(labels, known[task.name]):
                    rule = f"{{labels of|label of}} {task.name!r} in dev that training lacks (never answered)"
                    notices.add(rule, record.source, f"label {label!r}")


def _unknown(labels: Iterable[Hashable], known: set[str]) -> list[Hashable]:
    return sorted((label for label in labels if str(label) not in known), key=str)
