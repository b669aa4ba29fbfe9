"""Entities of dev and test whose value training has: what a model may know by heart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from polyhead.checking.files import SPLITS
from polyhead.checking.looking import Seen
from polyhead.records import text_key
from polyhead.tasks import Task


class Values:
    """Counts entities by type, and those of them whose surface training has with that type.

    Args:
        tasks: The tasks; those without entities are passed over.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._known: set[int] = set()  # hashes: a value in millions may count as known by chance, never as unknown
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._seen: Counter[tuple[str, str, str]] = Counter()

    def at(self, seen: Seen) -> None:
        """Take a record's entities."""
        text = seen.record.text
        for task in self._tasks:
            annotation = seen.record.annotations.get(task.name)
            for span in () if annotation is None else task.annotated(annotation):
                value = hash((task.name, span.label, text_key(text[span.start : span.end])))
                if seen.split == SPLITS[0]:
                    self._known.add(value)
                    continue
                key = task.name, seen.split, span.label
                self._counts[key] += 1
                self._seen[key] += value in self._known

    def result(self) -> dict[str, Any]:
        """Return, by task and split, a row for each type, most entities first."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        order = sorted(self._counts.items(), key=lambda pair: (SPLITS.index(pair[0][1]), -pair[1], pair[0]))
        for (task, split, label), count in order:
            seen = self._seen[task, split, label]
            row = {"type": label, "entities": count, "in training": seen, "share": seen / count}
            found.setdefault(task, {}).setdefault(split, []).append(row)
        return {"entity values": found}
