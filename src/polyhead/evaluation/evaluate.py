"""Scores of a predictor on annotated records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats import Limits, read_records
from polyhead.inference import Predictor, Result
from polyhead.notices import Notices
from polyhead.records import Record


def evaluate(
    model: str | Path | Predictor,
    data: str | Path,
    *,
    tasks: Mapping[str, str | None] | Sequence[str] = (),
    notices: Notices | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score a trained model on a data file.

    Args:
        model: A bundle, the output folder of a run, a ``.pt`` file, or a loaded predictor.
        data: A data file with the fields that the model's tasks read.
        tasks: The tasks to score, all where not given; as a mapping, with the field that a task reads in this file.
        notices: Hears of what is odd in the data but usable.
        on_batch: Called with the number of records done since the last call.

    Returns:
        ``{"records": n, "frame_accuracy": x, "tasks": {name: {"records": n, ...figures}}}``.

    Raises:
        BundleError: If the model cannot be opened.
        SettingsError: If the model has no task of a name, or it is not plain which of two tasks the data are for.
        DataError: If the data cannot be read, or carry no annotation of any of the tasks.
    """
    predictor = model if isinstance(model, Predictor) else Predictor.load(model)
    fields = _fields(predictor, dict(tasks) if isinstance(tasks, Mapping) else dict.fromkeys(tasks))
    predictor = predictor.with_tasks([task for task in predictor.tasks if task.name in fields])
    records = _records(predictor, data, fields, notices or Notices())
    return evaluate_records(predictor, records, on_batch=on_batch)


def _fields(predictor: Predictor, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Return, by task to score, the field that it reads."""
    known = {task.name: task.field for task in predictor.tasks}
    for name in wanted:
        if name not in known:
            raise SettingsError(f"--task: the model has no task {name!r}; {name_the_known(name, known)}")
    fields = {name: wanted.get(name) or field for name, field in known.items() if not wanted or name in wanted}
    feeds = predictor.bundle.feeds() if predictor.bundle and not wanted else []
    for one, other in combinations(fields, 2) if feeds else ():
        if fields[one] == fields[other] and not any({one, other} <= fed for fed in feeds):
            raise SettingsError(
                f"the tasks {one!r} and {other!r} both read the field {fields[one]!r}, and no data set of the training "
                f"fed both: say with --task NAME which of them these data are for"
            )
    return fields


def evaluate_records(
    predictor: Predictor, records: Sequence[Record], *, on_batch: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Score a predictor on records; see `evaluate`. Texts that no task annotates are not predicted."""
    annotated = _annotated(predictor, records)
    answers = predictor([record.texts for record in annotated], on_batch=on_batch)
    return _scores(predictor, records, annotated, answers)


def tune_and_evaluate(
    predictor: Predictor, records: Sequence[Record], *, on_batch: Callable[[int], None] | None = None
) -> tuple[Predictor, dict[str, Any]]:
    """Choose on dev records what tasks choose there (thresholds, say), and score what comes of it on the same.

    Returns:
        The predictor with the tuned tasks, and its scores.
    """
    annotated = _annotated(predictor, records)
    readings = list(predictor.read([record.texts for record in annotated], on_batch=on_batch))
    tuned = []
    for task in predictor.tasks:
        own = [
            (record.annotations[task.name], reading.logits[task.name], reading.encoded)
            for record, reading in zip(annotated, readings, strict=True)
            if task.name in record.annotations
        ]
        golds, logits, encoded = zip(*own, strict=True) if own else ((), (), ())
        tuned.append(task.tune(golds, logits, encoded))
    predictor = predictor.with_tasks(tuned)
    return predictor, _scores(predictor, records, annotated, [predictor.decode(reading) for reading in readings])


def _annotated(predictor: Predictor, records: Sequence[Record]) -> list[Record]:
    names = {task.name for task in predictor.tasks}
    return [record for record in records if names & record.annotations.keys()]


def _scores(
    predictor: Predictor, records: Sequence[Record], annotated: Sequence[Record], answers: Sequence[Result]
) -> dict[str, Any]:
    pairs = [(record.annotations, answer.predictions) for record, answer in zip(annotated, answers, strict=True)]
    tasks: dict[str, Any] = {}
    for task in predictor.tasks:
        own = [(gold[task.name], found[task.name]) for gold, found in pairs if task.name in gold]
        tasks[task.name] = {"records": len(own), **task.score([gold for gold, _ in own], [found for _, found in own])}
    frames = [
        all(task.is_right(gold[task.name], found[task.name]) for task in predictor.tasks)
        for gold, found in pairs
        if all(task.name in gold for task in predictor.tasks)
    ]
    frame_accuracy = sum(frames) / len(frames) if frames else None
    return {"records": len(records), "frame_accuracy": frame_accuracy, "tasks": tasks}


@dataclass(frozen=True)
class Criterion:
    """What of a task's figures counts when models are compared.

    Attributes:
        metric: The figure.
        weight: Its weight in the mean over tasks.
    """

    metric: str
    weight: float


def mean_score(scores: dict[str, Any], criteria: Mapping[str, Criterion]) -> float | None:
    """Return the weighted mean of the tasks' figures: what epochs are compared by.

    Args:
        scores: Of `evaluate`.
        criteria: By task.

    Returns:
        The mean over the tasks that have the figure and a weight; `None` where no task has.
    """
    found = [(scores["tasks"][name][criterion.metric], criterion.weight) for name, criterion in criteria.items()]
    known = [(value, weight) for value, weight in found if value is not None and weight > 0]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None


def _records(predictor: Predictor, data: str | Path, fields: Mapping[str, str], notices: Notices) -> list[Record]:
    limits = predictor.bundle.limits() if predictor.bundle else Limits()
    columns = {task.name: task.column(fields[task.name], task.options) for task in predictor.tasks}
    records = list(read_records(data, columns, notices=notices, limits=limits))
    if not any(record.annotations for record in records):
        raise DataError(
            f"{data}: none of the {len(records)} records has a field that the tasks read; "
            f"{name_the_known('', sorted(set(fields.values())))}"
        )
    return records
