"""What goes wrong: which tasks together, at which length, with which entities, and in which records worst."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from polyhead.metrics import Scorer, Scores, ShareScorer, headline_of
from polyhead.metrics.confidence import ConfidenceScorer
from polyhead.metrics.matching import errors
from polyhead.records import Record, Span
from polyhead.tasks import Prediction, Task

WORST = 50
"""Records that are kept, the worst."""
_LENGTHS = (5, 10, 20, 40, 80)
"""The most words of a text of each group of lengths but the last."""

Surfaces = Mapping[str, Collection[tuple[str, str]]]
"""By task, type and surface (in lower case) of entities that training showed."""


class Breakdown:
    """Sorts out what the answers for some records got wrong.

    Args:
        tasks: The tasks.
        seen: The entities that training showed; those of gold are told apart by them, where given.
    """

    def __init__(self, tasks: Sequence[Task], *, seen: Surfaces | None = None) -> None:
        self._tasks, self._seen = tuple(tasks), seen
        self._confidence = {task.name: ConfidenceScorer() for task in tasks}
        self._frames: Counter[tuple[str, ...]] = Counter()
        self._lengths: dict[int, dict[str, Scorer]] = {}
        self._records: Counter[int] = Counter()
        self._entities: dict[str, dict[str, Counter[str]]] = {}
        self._worst: list[tuple[tuple[int, int], int, dict[str, Any]]] = []
        self._added = 0

    def add(self, record: Record, answers: Mapping[str, Prediction]) -> None:
        """Add a record with the answers for it, by task."""
        known = [task for task in self._tasks if task.name in record.annotations]
        wrong = [task for task in known if not task.is_right(record.annotations[task.name], answers[task.name])]
        if len(known) == len(self._tasks):
            self._frames[tuple(task.name for task in wrong)] += 1
        for task in known:
            sure = task.confidences(record.annotations[task.name], answers[task.name])
            self._confidence[task.name].add(sure)
        self._add_length(record, answers, known, is_right=not wrong)
        if self._seen is not None:
            self._add_entities(record, answers, known)
        if wrong:
            self._add_wrong(record, answers, wrong)
        self._added += 1

    def result(self) -> Scores:
        """Return tables as JSON values.

        Returns:
            ``frames``: for each set of tasks that were wrong together, the records, the most first; ``by_length``:
            records and main figures of texts by their number of words; ``worst``: the records with most wrong tasks,
            then most wrong entities; ``confidence``: for each task, whether it is as often right as it says, see
            `ConfidenceScorer.scores`; ``seen``: for each task with entities, how many of those that training showed,
            and did not show, were found.
        """
        frames = [{"wrong": list(wrong), "records": count} for wrong, count in self._frames.most_common()]
        worst = [shown for _, _, shown in sorted(self._worst, key=lambda own: own[:2], reverse=True)]
        found = {} if self._seen is None else {"seen": self._found()}
        sure = {name: scores for name, own in self._confidence.items() if (scores := own.scores())}
        return {"frames": frames, "by_length": self._by_length(), "confidence": sure, "worst": worst, **found}

    def _add_length(
        self, record: Record, answers: Mapping[str, Prediction], known: Sequence[Task], *, is_right: bool
    ) -> None:
        words = len(record.text.split())
        group = next((at for at, most in enumerate(_LENGTHS) if words <= most), len(_LENGTHS))
        scorers = self._lengths.setdefault(
            group, {"": ShareScorer("frame_accuracy"), **{task.name: task.scorer() for task in self._tasks}}
        )
        self._records[group] += 1
        for task in known:
            scorers[task.name].add(record.annotations[task.name], answers[task.name])
        if len(known) == len(self._tasks):
            scorers[""].add(True, is_right)

    def _by_length(self) -> list[dict[str, Any]]:
        return [self._length_row(group, scorers) for group, scorers in sorted(self._lengths.items())]

    def _length_row(self, group: int, scorers: Mapping[str, Scorer]) -> dict[str, Any]:
        tasks = {
            task.name: {task.metrics[0]: headline_of(scorers[task.name].scores())[task.metrics[0]]}
            for task in self._tasks
        }
        return {
            "from_words": _LENGTHS[group - 1] + 1 if group else 0,
            "to_words": _LENGTHS[group] if group < len(_LENGTHS) else None,
            "records": self._records[group],
            **scorers[""].headline(),
            "tasks": tasks,
        }

    def _add_entities(self, record: Record, answers: Mapping[str, Prediction], known: Sequence[Task]) -> None:
        for task in known:
            golds, found = task.entities(record.annotations[task.name], answers[task.name])
            showed = (self._seen or {}).get(task.name, ())
            for span in golds:
                which = "seen" if surface_of(span, record.text) in showed else "unseen"
                counts = self._entities.setdefault(task.name, {"seen": Counter(), "unseen": Counter()})[which]
                counts.update(entities=1, found=int(span in found))

    def _found(self) -> dict[str, Any]:
        return {
            name: {
                which: {
                    "entities": counts["entities"],
                    "recall": counts["found"] / counts["entities"] if counts["entities"] else None,
                }
                for which, counts in own.items()
            }
            for name, own in self._entities.items()
        }

    def _add_wrong(self, record: Record, answers: Mapping[str, Prediction], wrong: Sequence[Task]) -> None:
        entities = {
            task.name: errors(*task.entities(record.annotations[task.name], answers[task.name])) for task in wrong
        }
        rank = (len(wrong), sum(map(len, entities.values())))
        entry = (rank, -self._added)  # of equals, the first ones stay
        if len(self._worst) == WORST and entry <= self._worst[0][:2]:
            return
        item = (*entry, _shown(record, answers, wrong))
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, item)
        else:
            heapq.heapreplace(self._worst, item)


def _shown(record: Record, answers: Mapping[str, Prediction], wrong: Sequence[Task]) -> dict[str, Any]:
    tasks = {}
    for task in wrong:
        gold, answer = record.annotations[task.name], answers[task.name]
        golds, found = task.entities(gold, answer)
        tasks[task.name] = {
            "gold": task.in_words(gold, record.text),
            "predicted": answer.in_words(record.text),
            **({"gold_spans": _spans(golds), "predicted_spans": _spans(found)} if golds or found else {}),
        }
    second = {} if record.second is None else {"second_text": record.second}
    return {"source": str(record.source) if record.source else None, "text": record.text, **second, "tasks": tasks}


def _spans(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]


def surface_of(span: Span, text: str) -> tuple[str, str]:
    """Return an entity's type and surface, as `Surfaces` has them."""
    return span.label, " ".join(text[span.start : span.end].lower().split())
