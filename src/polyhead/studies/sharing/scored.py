"""The records that the models of a study are scored on, and what their answers are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyhead.errors import SettingsError
from polyhead.evaluation.scoring import answered
from polyhead.formats import Limits, Way, read_records
from polyhead.inference import Predictor
from polyhead.metrics import Scorer
from polyhead.notices import Notices
from polyhead.preparing.choosing import carrying, how_many
from polyhead.preparing.keys import file_digest
from polyhead.records import Record
from polyhead.settings import RunSettings, SetSettings
from polyhead.studies.sharing.outcome import Scored
from polyhead.studies.sharing.resampling import samples_of
from polyhead.tasks import Task
from polyhead.training.data import TrainingData


@dataclass(frozen=True)
class Pool:
    """Records that models are scored on.

    Attributes:
        name: ``test`` or ``dev``.
        records: Each carries one of the tasks at least.
        tasks: The tasks that are scored on them.
    """

    name: str
    records: Sequence[Record]
    tasks: tuple[str, ...]

    def places(self, tasks: Sequence[str]) -> list[int]:
        """Return which records carry all of some tasks."""
        return [at for at, record in enumerate(self.records) if record.annotations.keys() >= set(tasks)]


def pools_of(settings: RunSettings, data: TrainingData, notices: Notices) -> tuple[list[Pool], list[dict[str, Any]]]:
    """Find what each task is scored on: the test data that carry it, else its dev data.

    Args:
        settings: All settings.
        data: What is trained on.
        notices: Hears of what is odd in the test data but usable.

    Returns:
        The pools, and for each test file: path, SHA-256, records.

    Raises:
        DataError: If a test file cannot be read.
        SettingsError: If there is nothing to score a task on.
    """
    files: list[dict[str, Any]] = []
    test = list(_test_records(settings, data.tasks, notices, files))
    records: dict[str, Sequence[Record]] = {"test": test, "dev": data.dev}
    tasks: dict[str, list[str]] = {name: [] for name in records}
    for task in data.tasks:
        where = next((name for name, own in records.items() if how_many(own, task.name)), None)
        if where is None:
            raise SettingsError(
                f"task {task.name!r}: neither dev nor test data carry {task.field!r}, so there is nothing to score its "
                f"models on; give data.dev or data.test, with several data sets those of data.sets.NAME"
            )
        tasks[where].append(task.name)
    pools = [Pool(name, carrying(records[name], own), tuple(own)) for name, own in tasks.items() if own]
    return pools, files


def _test_records(
    settings: RunSettings, tasks: Sequence[Task], notices: Notices, files: list[dict[str, Any]]
) -> Iterator[Record]:
    for own in settings.data.all_sets().values():
        fields = _fields(own, tasks)
        columns = {task.name: task.column(fields[task.name], task.options) for task in tasks if task.name in fields}
        limits = Limits(settings.data.max_characters, own.text_field, own.second_field)
        for path in own.test:
            count = 0
            for record in read_records(path, columns, notices=notices, limits=limits, way=Way.of(own)):
                count += 1
                yield record
            files.append({"path": str(path), "sha256": file_digest(Path(path)), "records": count})


def _fields(own: SetSettings, tasks: Sequence[Task]) -> dict[str, str]:
    """Return, by task that a data set feeds, the field that it reads there."""
    usual = {task.name: task.field for task in tasks}
    named: Mapping[str, str | None] = own.tasks if own.tasks is not None else dict.fromkeys(usual)
    return {name: field or usual[name] for name, field in named.items() if name in usual}


def score(
    predictor: Predictor, pools: Sequence[Pool], metrics: Mapping[str, str], *, sampled: bool
) -> dict[str, Scored]:
    """Have a model answer, and say what its answers are worth.

    Args:
        predictor: The model.
        pools: The records.
        metrics: By task, the figure that counts.
        sampled: Whether that is also computed in samples of the records.

    Returns:
        By task of the model.
    """
    found: dict[str, Scored] = {}
    for pool in pools:
        own = [task for task in predictor.tasks if task.name in pool.tasks]
        scorers, right = {task.name: task.scorer() for task in own}, {task.name: "" for task in own}
        records = carrying(pool.records, scorers.keys()) if own else []
        for record, (answers,) in answered([predictor], records):
            for task in [task for task in own if task.name in record.annotations]:
                gold = record.annotations[task.name]
                scorers[task.name].add(gold, answers[task.name])
                right[task.name] += str(int(task.is_right(gold, answers[task.name])))
        for name, scorer in scorers.items():
            samples = _sampled(scorer, metrics[name]) if sampled else []
            figures = scorer.headline()
            found[name] = Scored(figures[metrics[name]], figures, samples, right[name])
    return found


def _sampled(scorer: Scorer, metric: str) -> list[float | None]:
    values = np.concatenate([scorer.figures(weights)[metric] for weights in samples_of(scorer.records)])
    return [None if np.isnan(value) else float(value) for value in values]
