"""Scores of a predictor on annotated records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from polyhead.errors import DataError, name_the_known
from polyhead.formats import Limits, read_records
from polyhead.inference import Predictor
from polyhead.notices import Notices
from polyhead.records import Record


def evaluate(
    model: str | Path | Predictor,
    data: str | Path,
    *,
    notices: Notices | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score a trained model on a data file.

    Args:
        model: A bundle, the output folder of a run, a ``.pt`` file, or a loaded predictor.
        data: A data file with the fields that the model's tasks read.
        notices: Hears of what is odd in the data but usable.
        on_batch: Called with the number of records done since the last call.

    Returns:
        ``{"records": n, "frame_accuracy": x, "tasks": {name: {"records": n, ...figures}}}``.

    Raises:
        BundleError: If the model cannot be opened.
        DataError: If the data cannot be read, or carry no annotation of any of the model's tasks.
    """
    predictor = model if isinstance(model, Predictor) else Predictor.load(model)
    records = _records(predictor, data, notices or Notices())
    return evaluate_records(predictor, records, on_batch=on_batch)


def evaluate_records(
    predictor: Predictor, records: Sequence[Record], *, on_batch: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Score a predictor on records; see `evaluate`. Texts that no task annotates are not predicted."""
    names = [task.name for task in predictor.tasks]
    annotated = [record for record in records if any(name in record.annotations for name in names)]
    answers = predictor([record.text for record in annotated], on_batch=on_batch)
    pairs = [(record.annotations, answer.predictions) for record, answer in zip(annotated, answers, strict=True)]
    tasks: dict[str, Any] = {}
    for task in predictor.tasks:
        own = [(gold[task.name], found[task.name]) for gold, found in pairs if task.name in gold]
        tasks[task.name] = {"records": len(own), **task.score([gold for gold, _ in own], [found for _, found in own])}
    frames = [
        all(task.is_right(gold[task.name], found[task.name]) for task in predictor.tasks)
        for gold, found in pairs
        if all(name in gold for name in names)
    ]
    frame_accuracy = sum(frames) / len(frames) if frames else None
    return {"records": len(records), "frame_accuracy": frame_accuracy, "tasks": tasks}


def mean_score(predictor: Predictor, scores: dict[str, Any]) -> float | None:
    """Return the mean of the tasks' main figures: what epochs are compared by; `None` where no task has one."""
    values = [scores["tasks"][task.name][task.main_metric] for task in predictor.tasks]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _records(predictor: Predictor, data: str | Path, notices: Notices) -> list[Record]:
    limits = predictor.bundle.limits() if predictor.bundle else Limits()
    columns = {task.name: task.column(task.field) for task in predictor.tasks}
    records = list(read_records(data, columns, notices=notices, limits=limits))
    if not any(record.annotations for record in records):
        fields = sorted({task.field for task in predictor.tasks})
        raise DataError(
            f"{data}: none of the {len(records)} records has a field that the model's tasks read; "
            f"{name_the_known('', fields)}"
        )
    return records
