"""Records to rows with targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Example, rows_of
from polyhead.encoding import TextEncoder
from polyhead.records import Record
from polyhead.tasks import Task

_TEXTS_AT_ONCE = 4096


def make_examples(records: Sequence[Record], tasks: Sequence[Task], encoder: TextEncoder) -> list[Example]:
    """Encode records with their targets.

    A text that is longer than a row gives one example a window: each has the sentence's targets, and the units that
    it answers for.
    """
    examples = []
    for start in range(0, len(records), _TEXTS_AT_ONCE):
        part = records[start : start + _TEXTS_AT_ONCE]
        for record, encoded in zip(part, encoder.encode([record.text for record in part]), strict=True):
            targets = {
                task.name: task.encode(record.annotations[task.name], encoded)
                for task in tasks
                if task.name in record.annotations
            }
            examples += [Example(row, targets) for row in rows_of(encoded, encoder)]
    return examples


def members_of(examples: Sequence[Example], tasks: Sequence[Task]) -> dict[str, NDArray[np.int64]]:
    """Return, by task, the indices of the examples that have a target for it."""
    return {
        task.name: np.array([at for at, example in enumerate(examples) if task.name in example.targets], dtype=np.int64)
        for task in tasks
    }
