"""All tasks' answers for records, added up one record at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyhead.evaluation.intervals import intervals
from polyhead.metrics import Scores, ShareScorer
from polyhead.tasks import Task

FRAME = "frame_accuracy"
_KEPT = ("amounts", "per_type")


class Scoring:
    """What the answers for some records are worth.

    Args:
        tasks: The tasks to score.

    Attributes:
        records: All records seen.
        annotated: Those that carry an annotation of one of the tasks; the others are in no figure.
        scorers: By task.
        frames: Of the records that carry all tasks' annotations, how many have all answers right.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.records = self.annotated = 0
        self.scorers = {task.name: task.scorer() for task in tasks}
        self.frames = ShareScorer(FRAME)
        self._tasks = tuple(tasks)

    def add(self, golds: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        """Add a record's annotations, and the answers for its text, by task."""
        self.annotated += 1
        known = [task for task in self._tasks if task.name in golds]
        for task in known:
            self.scorers[task.name].add(golds[task.name], answers[task.name])
        if len(known) == len(self._tasks):
            right = all(task.is_right(golds[task.name], answers[task.name]) for task in known)
            self.frames.add(True, right)

    def scores(self, *, resamples: int = 0, seed: int = 0) -> Scores:
        """Return what `polyhead.evaluate` does.

        Args:
            resamples: Samples that intervals are computed from; none are computed where it is 0.
            seed: What the samples are drawn by.
        """
        tasks = {name: {"records": scorer.records, **scorer.scores()} for name, scorer in self.scorers.items()}
        scores: Scores = {"records": self.records, **self.frames.headline()}
        if resamples:
            draw = {"resamples": resamples, "seed": seed}
            scores[f"{FRAME}_interval"] = intervals(self.frames, **draw)[FRAME]
            for name, scorer in self.scorers.items():
                tasks[name]["intervals"] = intervals(scorer, **draw)
        return scores | {"tasks": tasks}

    def brief(self) -> Scores:
        """Return the figures of `scores` without particulars: what a run writes down of every epoch."""
        scores = self.scores()
        tasks = {
            name: {key: value for key, value in own.items() if key in _KEPT or not isinstance(value, dict | list)}
            for name, own in scores["tasks"].items()
        }
        return scores | {"tasks": tasks}
