"""Records to rows with targets, and what is to be put in order of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyhead.batching import Example, Rows, StoredRows
from polyhead.encoding import TextEncoder
from polyhead.notices import Notices
from polyhead.preparing.examples import Soft, examples_of
from polyhead.records import Text
from polyhead.tasks import Task
from polyhead.training.data import DataSet


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
    return [
        example
        for number, own in enumerate(sets)
        for rows in examples_of(own.train, tasks, encoder, notices, weight=own.weight, source=number, soft=soft)
        for example in rows
    ]


def rows_in(examples: Sequence[Example], sets: Sequence[DataSet], tasks: Sequence[Task], *, by_set: bool) -> Rows:
    """Return what is to be put in order.

    Args:
        examples: The rows.
        sets: The data sets.
        tasks: The tasks.
        by_set: Each data set is a source, not each task.
    """
    names = [task.name for task in tasks]
    members = {name: _members(examples, name) for name in names}
    lengths = lengths_of(examples)
    if not by_set:
        return Rows(lengths, members, members, {name: frozenset({name}) for name in names})
    sources = {own.name: _of_source(examples, at) for at, own in enumerate(sets)}
    return Rows(lengths, members, sources, dict.fromkeys(sources, frozenset(names)))


def pieces_in(examples: Sequence[Example], encoder: TextEncoder) -> Tensor:
    """Return the ids that can stand in a batch of rows, sorted, each once."""
    if isinstance(examples, StoredRows):
        found = [examples.pieces()]
    else:
        found = [np.unique(encoder.row(example.row.encoded, example.row.window)[0]) for example in examples]
    return torch.from_numpy(np.unique(np.concatenate([*found, [encoder.pad_id]])))


def lengths_of(examples: Sequence[Example]) -> Sequence[int]:
    """Return the pieces in each row, special tokens included: one array where rows are stored."""
    if isinstance(examples, StoredRows):
        return examples.lengths  # type: ignore[return-value]  # an array is no Sequence by name, but is used as one
    return [example.row.length for example in examples]


def texts_cut(examples: Sequence[Example]) -> int:
    """Return how many texts are longer than a row, and have several."""
    if isinstance(examples, StoredRows):
        return examples.texts_cut()
    return len({id(own.row.encoded) for own in examples if own.row.window.own_start > 0})


def _members(examples: Sequence[Example], task: str) -> NDArray[np.int64]:
    if isinstance(examples, StoredRows):
        return examples.members(task)
    return _where(task in example.tasks for example in examples)


def _of_source(examples: Sequence[Example], number: int) -> NDArray[np.int64]:
    if isinstance(examples, StoredRows):
        return examples.of_source(number)
    return _where(example.source == number for example in examples)


def _where(chosen: Iterable[bool]) -> NDArray[np.int64]:
    return np.array([at for at, is_chosen in enumerate(chosen) if is_chosen], dtype=np.int64)
