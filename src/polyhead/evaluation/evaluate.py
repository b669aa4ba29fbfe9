"""Scores of a predictor on annotated records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.evaluation.breakdown import Breakdown, surface_of
from polyhead.evaluation.intervals import RESAMPLES
from polyhead.evaluation.scoring import Scoring, answered, brief
from polyhead.formats import Limits, read_records
from polyhead.inference import Predictor
from polyhead.metrics import Scores
from polyhead.notices import Notices
from polyhead.records import Record


def evaluate(
    model: str | Path | Predictor,
    data: str | Path,
    *,
    tasks: Mapping[str, str | None] | Sequence[str] = (),
    train: str | Path | Sequence[str | Path] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    notices: Notices | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> Scores:
    """Score a trained model on a data file.

    Args:
        model: A bundle, the output folder of a run, a ``.pt`` file, or a loaded predictor.
        data: A data file with the fields that the model's tasks read.
        tasks: The tasks to score, all where not given; as a mapping, with the field that a task reads in this file.
        train: The data that the model was trained on; where given, entities that it shows are told from others.
        resamples: Samples of the records that 95 % intervals are computed from; 0 for no intervals.
        seed: What the samples are drawn by.
        notices: Hears of what is odd in the data but usable.
        on_batch: Called with the number of records done since the last call.

    Returns:
        ``{"records": n, "frame_accuracy": x, "tasks": {name: {"records": n, ...figures}}}``; with intervals also
        ``"frame_accuracy_interval": [low, high]`` and, for each task, ``"intervals": {figure: [low, high]}``. Under
        ``"breakdown"`` stands what goes wrong, see `Breakdown.result`.

    Raises:
        BundleError: If the model cannot be opened.
        SettingsError: If the model has no task of a name, or it is not plain which of two tasks the data are for.
        DataError: If the data cannot be read, or carry no annotation of any of the tasks.
    """
    predictor = model if isinstance(model, Predictor) else Predictor.load(model)
    to_score = tasks_to_score(predictor, tasks)
    predictor = predictor.with_tasks([task for task in predictor.tasks if task.name in to_score.fields])
    records = annotated_records(predictor, data, to_score, notices or Notices())
    paths = [train] if isinstance(train, str | Path) else train
    breakdown = Breakdown(predictor.tasks, seen=_surfaces(predictor, paths) if paths else None)
    scoring = Scoring(predictor.tasks)
    for record, (answers,) in answered([predictor], scoring.annotated_of(records), on_batch=on_batch):
        scoring.add(record.annotations, answers)
        breakdown.add(record, answers)
    return {**scoring.scores(resamples=resamples, seed=seed), "breakdown": breakdown.result()}


class ToScore(NamedTuple):
    """What of a file is to be scored.

    Attributes:
        fields: By task, the field that it reads.
        unclear: Pairs of tasks that read one field, of which the file must not be for both.
    """

    fields: dict[str, str]
    unclear: list[tuple[str, str]]


def tasks_to_score(predictor: Predictor, tasks: Mapping[str, str | None] | Sequence[str]) -> ToScore:
    """Find out which tasks a file is for.

    Args:
        predictor: The model.
        tasks: Those asked for, all of the model's where there is none; as a mapping, with the field where one is named.

    Raises:
        SettingsError: If the model has no task of a name.
    """
    wanted = dict(tasks) if isinstance(tasks, Mapping) else dict.fromkeys(tasks)
    known = {task.name: task.field for task in predictor.tasks}
    for name in wanted:
        if name not in known:
            raise SettingsError(f"--task: the model has no task {name!r}; {name_the_known(name, known)}")
    fields = {name: wanted.get(name) or field for name, field in known.items() if not wanted or name in wanted}
    feeds = predictor.bundle.feeds() if predictor.bundle and not wanted else []
    unclear = [
        (one, other)
        for one, other in combinations(fields, 2)
        if feeds and fields[one] == fields[other] and not any({one, other} <= fed for fed in feeds)
    ]
    return ToScore(fields, unclear)


def tune_and_evaluate(
    predictor: Predictor, records: Sequence[Record], *, on_batch: Callable[[int], None] | None = None
) -> tuple[Predictor, Scores]:
    """Choose on dev records what tasks choose there (thresholds, say), and score what comes of it on the same.

    Returns:
        The predictor with the tuned tasks, and its scores, without particulars.
    """
    annotated = list(Scoring(predictor.tasks).annotated_of(records))
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
    scoring = Scoring(predictor.tasks)
    for record, reading in zip(scoring.annotated_of(records), readings, strict=True):
        scoring.add(record.annotations, predictor.decode(reading).predictions)
    return predictor, brief(scoring.scores())


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


def _surfaces(predictor: Predictor, paths: Sequence[str | Path]) -> dict[str, set[tuple[str, str]]]:
    """Return the entities that data show, by task."""
    to_score = ToScore({task.name: task.field for task in predictor.tasks}, [])
    seen: dict[str, set[tuple[str, str]]] = {name: set() for name in to_score.fields}
    for path in paths:
        for record in annotated_records(predictor, path, to_score, Notices()):
            for task in predictor.tasks:
                if task.name in record.annotations:
                    spans = task.annotated(record.annotations[task.name])
                    seen[task.name].update(surface_of(span, record.text) for span in spans)
    return seen


def annotated_records(predictor: Predictor, data: str | Path, to_score: ToScore, notices: Notices) -> Iterable[Record]:
    """Read a file, and see that there is something to score, before anything is answered.

    Args:
        predictor: Whose tasks are to be scored.
        data: The file. A regular one is read twice, so that it need not be held; a pipe is held.
        to_score: The tasks that the file is for.
        notices: Hears of what is odd in the data but usable.

    Raises:
        SettingsError: If it is not plain which of two tasks the data are for.
        DataError: If the data cannot be read, or carry no annotation of any of the tasks.
    """
    limits = predictor.bundle.limits() if predictor.bundle else Limits()

    def read(notices: Notices) -> Iterator[Record]:
        columns = {task.name: task.column(to_score.fields[task.name], task.options) for task in predictor.tasks}
        return read_records(data, columns, notices=notices, limits=limits)

    held = None if Path(data).is_file() or Path(data).is_dir() else list(read(notices))
    records = annotated = 0
    for record in read(notices) if held is None else held:
        records += 1
        annotated += bool(record.annotations)
        _check_clear(record, to_score)
    if not annotated:
        raise DataError(
            f"{data}: none of the {records} records has a field that the tasks read; "
            f"{name_the_known('', sorted(set(to_score.fields.values())))}"
        )
    return read(Notices()) if held is None else held


def _check_clear(record: Record, to_score: ToScore) -> None:
    for one, other in to_score.unclear:
        if one in record.annotations and other in record.annotations:
            raise SettingsError(
                f"the tasks {one!r} and {other!r} both read the field {to_score.fields[one]!r}, and no data set of the "
                f"training fed both: say with --task NAME which of them these data are for"
            )
