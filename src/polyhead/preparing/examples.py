"""Records to rows with targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Example, rows_of
from polyhead.encoding import Encoded, TextEncoder
from polyhead.notices import Notices
from polyhead.records import Record, Text
from polyhead.tasks import Task

TEXTS_AT_ONCE = 4096

Soft = Mapping[str, NDArray[np.float32]]


def examples_of(
    records: Sequence[Record],
    tasks: Sequence[Task],
    encoder: TextEncoder,
    notices: Notices,
    *,
    weight: float = 1.0,
    source: int = 0,
    soft: Mapping[Text, Soft] | None = None,
) -> Iterator[list[Example]]:
    """Encode the records of a data set with their targets, holding some thousands at a time.

    Args:
        records: The records.
        tasks: The tasks.
        encoder: The tokenizer.
        notices: Hears of annotations that a head has no way to say.
        weight: The data set's.
        source: Its number.
        soft: What teachers hold probable, by text.

    Yields:
        The rows of each record: one for each window of its text.
    """
    for record, encoded in _encoded(records, encoder):
        targets = {
            task.name: _target(task, record, encoded, notices) for task in tasks if task.name in record.annotations
        }
        taught = soft.get(record.texts, {}) if soft else {}
        yield [Example(row, targets, taught, weight, source, record.source) for row in rows_of(encoded, encoder)]


def _encoded(records: Sequence[Record], encoder: TextEncoder) -> Iterable[tuple[Record, Encoded]]:
    for start in range(0, len(records), TEXTS_AT_ONCE):
        part = list(records[start : start + TEXTS_AT_ONCE])
        yield from zip(part, encoder.encode([record.texts for record in part]), strict=True)


def _target(task: Task, record: Record, encoded: Encoded, notices: Notices) -> NDArray[np.generic]:
    annotation = record.annotations[task.name]
    if beyond := task.beyond(annotation, encoded):
        rule = f"{{annotations are|annotation is}} such that the head of {task.name!r} cannot say it (never learnt)"
        notices.add(rule, record.source, repr(beyond[0]), len(beyond))
    return task.encode(annotation, encoded)


def digested(examples: Iterable[Example]) -> Iterator[bytes]:
    """Yield all that is trained on of some rows: pieces, targets, teachers' answers, weights, in their order."""
    text = None
    for example in examples:
        yield repr((example.row.window, example.weight, example.source)).encode()
        if example.row.encoded is text:  # a further window: what follows is of the whole text
            continue
        text = example.row.encoded
        yield repr(text.second).encode()
        yield np.ascontiguousarray(text.ids).tobytes()
        for kind in (example.targets, example.soft):
            for name, array in sorted(kind.items()):
                yield name.encode()
                yield np.ascontiguousarray(array).tobytes()
