"""Records to rows with targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyhead.batching import Example, Rows, rows_of
from polyhead.encoding import Encoded, TextEncoder
from polyhead.notices import Notices
from polyhead.records import Record, Text
from polyhead.tasks import Task
from polyhead.training.data import DataSet

_TEXTS_AT_ONCE = 4096

Soft = Mapping[str, NDArray[np.float32]]


def make_examples(
    sets: Sequence[DataSet],
    tasks: Sequence[Task],
    encoder: TextEncoder,
    notices: Notices,
    *,
    soft: Mapping[Text, Soft] | None = None,
) -> list[Example]:
    """Encode records with their targets.

    A text that is longer than a row gives one example a window: each has the sentence's targets, and the units that
    it answers for.

    Args:
        sets: The data sets.
        tasks: The tasks.
        encoder: The tokenizer.
        notices: Hears of annotations that a head has no way to say.
        soft: What teachers hold probable, by text.
    """
    examples: list[Example] = []
    for number, own in enumerate(sets):
        for record, encoded in _encoded(own.train, encoder):
            targets = {
                task.name: _target(task, record, encoded, notices) for task in tasks if task.name in record.annotations
            }
            taught = soft.get(record.texts, {}) if soft else {}
            examples += [
                Example(row, targets, taught, own.weight, number, record.source) for row in rows_of(encoded, encoder)
            ]
    return examples


def _encoded(records: Sequence[Record], encoder: TextEncoder) -> Iterable[tuple[Record, Encoded]]:
    for start in range(0, len(records), _TEXTS_AT_ONCE):
        part = records[start : start + _TEXTS_AT_ONCE]
        yield from zip(part, encoder.encode([record.texts for record in part]), strict=True)


def _target(task: Task, record: Record, encoded: Encoded, notices: Notices) -> NDArray[np.generic]:
    annotation = record.annotations[task.name]
    if beyond := task.beyond(annotation, encoded):
        rule = f"{{annotations are|annotation is}} such that the head of {task.name!r} cannot say it (never learnt)"
        notices.add(rule, record.source, repr(beyond[0]), len(beyond))
    return task.encode(annotation, encoded)


def rows_in(examples: Sequence[Example], sets: Sequence[DataSet], tasks: Sequence[Task], *, by_set: bool) -> Rows:
    """Return what is to be put in order.

    Args:
        examples: The rows.
        sets: The data sets.
        tasks: The tasks.
        by_set: Each data set is a source, not each task.
    """
    names = [task.name for task in tasks]
    members = {name: _where(name in example.tasks for example in examples) for name in names}
    lengths = [example.row.length for example in examples]
    if not by_set:
        return Rows(lengths, members, members, {name: frozenset({name}) for name in names})
    sources = {own.name: _where(example.source == at for example in examples) for at, own in enumerate(sets)}
    return Rows(lengths, members, sources, dict.fromkeys(sources, frozenset(names)))


def pieces_in(examples: Sequence[Example], encoder: TextEncoder) -> Tensor:
    """Return the ids that can stand in a batch of rows, sorted, each once."""
    found = [np.unique(encoder.row(example.row.encoded, example.row.window)[0]) for example in examples]
    return torch.from_numpy(np.unique(np.concatenate([*found, [encoder.pad_id]])))


def _where(chosen: Iterable[bool]) -> NDArray[np.int64]:
    return np.array([at for at, is_chosen in enumerate(chosen) if is_chosen], dtype=np.int64)
