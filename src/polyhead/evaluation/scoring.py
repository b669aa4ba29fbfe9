"""All tasks' answers for records, added up one record at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any

from polyhead.evaluation.intervals import intervals
from polyhead.inference import Predictor
from polyhead.metrics import Scores, ShareScorer
from polyhead.records import Record
from polyhead.tasks import Prediction, Task

FRAME = "frame_accuracy"
_KEPT = ("amounts", "per_type")


class Scoring:
    """What the answers for some records are worth.

    Args:
        tasks: The tasks to score.

    Attributes:
        records: All records seen, also those that carry no annotation of these tasks and are in no figure.
        tasks: The tasks.
        scorers: By task.
        frames: Of the records that carry all tasks' annotations, how many have all answers right.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.records = 0
        self.tasks = tuple(tasks)
        self.scorers = {task.name: task.scorer() for task in tasks}
        self.frames = ShareScorer(FRAME)

    def annotated_of(self, records: Iterable[Record]) -> Iterator[Record]:
        """Count records, and pass on those that carry an annotation of one of the tasks."""
        for record in records:
            self.records += 1
            if self.scorers.keys() & record.annotations.keys():
                yield record

    def add(self, golds: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        """Add a record's annotations, and the answers for its text, by task."""
        known = [task for task in self.tasks if task.name in golds]
        for task in known:
            self.scorers[task.name].add(golds[task.name], answers[task.name])
        if len(known) == len(self.tasks):
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


def brief(scores: Scores) -> Scores:
    """Return scores without particulars: what a run writes down of every epoch."""
    tasks = {
        name: {key: value for key, value in own.items() if key in _KEPT or not isinstance(value, dict | list)}
        for name, own in scores["tasks"].items()
    }
    return {"records": scores["records"], FRAME: scores[FRAME], "tasks": tasks}


def answered(
    predictors: Sequence[Predictor], records: Iterable[Record], *, on_batch: Callable[[int], None] | None = None
) -> Iterator[tuple[Record, tuple[Mapping[str, Prediction], ...]]]:
    """Answer records as they come, holding some thousands at a time.

    Args:
        predictors: The models.
        records: The records.
        on_batch: Called with the number of records that the last model answered since the last call.

    Yields:
        Each record with the answers of each model, by task.
    """
    own, *streams = tee(records, len(predictors) + 1)
    hears = [None] * (len(predictors) - 1) + [on_batch]
    answers = [
        predictor.stream((record.texts for record in stream), on_batch=hear)
        for predictor, stream, hear in zip(predictors, streams, hears, strict=True)
    ]
    for record, results in zip(own, zip(*answers, strict=True), strict=True):
        yield record, tuple(result.predictions for result in results)
