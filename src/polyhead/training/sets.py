"""The data sets of a run, and the tasks that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.errors import DataError
from polyhead.preparing import Cache, Entry
from polyhead.preparing.choosing import annotations_of, how_many, together
from polyhead.records import Record
from polyhead.tasks import Task


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: The user's name for it.
        weight: The weight of its records in the losses.
        train: What is trained on; each record has an annotation of at least one task, unless there are teachers.
        dev: What chooses the best epoch; may be empty.
        held_out: Whether dev was split off the training data.
    """

    name: str
    weight: float
    train: Sequence[Record]
    dev: Sequence[Record]
    held_out: bool


@dataclass(frozen=True)
class Kept:
    """Where the records of a run are kept.

    Attributes:
        cache: The cache, in which its rows are kept, too.
        key: The key of the records.
        entry: Their entry.
    """

    cache: Cache
    key: str
    entry: Entry


@dataclass(frozen=True)
class TrainingData:
    """The data of a run.

    Attributes:
        tasks: With the labels that the data show.
        sets: The data sets.
        files: For each file: path, SHA-256, records.
        kept: Where records are kept; `None` where they are in memory.
        said: Lines on how the data were prepared.
    """

    tasks: tuple[Task, ...]
    sets: tuple[DataSet, ...]
    files: list[dict[str, Any]]
    kept: Kept | None = None
    said: tuple[str, ...] = ()

    @property
    def train(self) -> Sequence[Record]:
        """What is trained on, of all sets."""
        return together([own.train for own in self.sets])

    @property
    def dev(self) -> Sequence[Record]:
        """What chooses the best epoch, of all sets."""
        return together([own.dev for own in self.sets])

    def annotated(self, task: str) -> int:
        """Return how many records to train on carry a task's annotation."""
        return sum(how_many(own.train, task) for own in self.sets)


def with_sets(data: TrainingData, sets: Sequence[DataSet]) -> TrainingData:
    """Return the data of a run on parts of its data sets, with tasks as these parts alone show them.

    Args:
        data: The whole.
        sets: The parts that are trained on, each with the dev data that choose its best epoch.

    Raises:
        DataError: If the parts give a task nothing to learn.
    """
    train = together([own.train for own in sets])
    return TrainingData(tuple(_learnt_anew(task, train) for task in data.tasks), tuple(sets), data.files)


def _learnt_anew(task: Task, records: Sequence[Record]) -> Task:
    annotations = annotations_of(records, task.name)
    if not annotations:
        raise DataError(
            f"task {task.name!r}: none of the {len(records):,} records of this part of the data carries "
            f"{task.field!r}; take a larger part"
        )
    return type(task).learn(
        name=task.name, field=task.field, weight=task.weight, options=task.options, annotations=annotations
    )
