"""Which labels the splits show, how often, and which of them training lacks or hardly has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from polyhead.checking.files import SPLITS
from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.records import Source
from polyhead.tasks import Task

FEW = 5
"""A label of fewer training records is rare."""


class Labels:
    """Counts the records that carry each task, and that show each label.

    Args:
        tasks: The tasks that can be learnt.
        names: All tasks, of which those that cannot be learnt are counted, too.
        findings: Hears of labels that training lacks or hardly has.
    """

    def __init__(self, tasks: Sequence[Task], names: Sequence[str], findings: Findings) -> None:
        self._tasks, self._names, self._findings = tasks, names, findings
        self._carry: Counter[tuple[str, str]] = Counter()
        self._records: Counter[str] = Counter()
        self._bare: Counter[str] = Counter()
        self._shown: dict[tuple[str, str], Counter[Hashable]] = defaultdict(Counter)
        self._first: dict[tuple[str, Hashable], tuple[Source | None, str]] = {}

    def at(self, seen: Seen) -> None:
        """Count a record."""
        annotations, split = seen.record.annotations, seen.split
        self._records[split] += 1
        self._bare[split] += not annotations
        for name in annotations:
            self._carry[name, split] += 1
        for task in self._tasks:
            if task.name in annotations:
                self._count(task, seen)

    def result(self) -> dict[str, Any]:
        """Return the records by task and split, and by label."""
        return {"coverage": self._coverage(), "labels": {task.name: self._of_task(task.name) for task in self._tasks}}

    def _count(self, task: Task, seen: Seen) -> None:
        counts = self._shown[task.name, seen.split]
        is_training = seen.split == SPLITS[0]
        known = counts if is_training else self._shown[task.name, SPLITS[0]]
        for label in task.labels_in(seen.record.annotations[task.name]):
            counts[label] += 1
            if is_training and counts[label] == 1:
                self._first[task.name, label] = seen.record.source, seen.record.text
            elif not is_training and label not in known:
                found = f"{task.name}: {label!r} in {seen.split}, not in training"
                self._findings.add("unseen label", seen.record, found, task=task.name, label=label, split=seen.split)

    def _coverage(self) -> dict[str, dict[str, int]]:
        return {
            split: {
                "records": records,
                **{name: self._carry[name, split] for name in self._names},
                "no annotation": self._bare[split],
            }
            for split, records in self._records.items()
        }

    def _of_task(self, name: str) -> dict[str, Any]:
        train = self._shown[name, SPLITS[0]]
        by_split = {split: self._shown[name, split] for split in self._records}
        labels = sorted(
            {label for counts in by_split.values() for label in counts}, key=lambda own: (-train[own], str(own))
        )
        carry = self._carry[name, SPLITS[0]]
        for label in labels:
            if 0 < train[label] < FEW:
                source, text = self._first[name, label]
                found = f"{name}: {label!r} in {train[label]} of {carry:,} training records, first here"
                self._findings.add("rare label", source, found, text=text, task=name, label=label, records=train[label])
        return {
            "classes": len(train),
            "imbalance": max(train.values()) / min(train.values()) if train else None,
            "rows": [
                {
                    "label": label,
                    "share": train[label] / carry if carry else None,
                    **{split: counts[label] for split, counts in by_split.items()},
                }
                for label in labels
            ],
        }
