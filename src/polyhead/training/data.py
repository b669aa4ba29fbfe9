"""The data of a run: which tasks they make, what is trained on, what chooses the best epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats import Limits, read_raw, read_records
from polyhead.notices import Notices
from polyhead.records import Record
from polyhead.settings import RunSettings, TaskSettings
from polyhead.tasks import KINDS, Task, options_of
from polyhead.training.holdout import hold_out

DEFAULT_TASKS = {
    "classification": TaskSettings(kind="single_label", field="label"),
    "ner": TaskSettings(kind="tagging", field="ner_tags"),
}
"""The tasks of data that come without settings, as far as the data have their fields."""


@dataclass(frozen=True)
class TrainingData:
    """The data of a run.

    Attributes:
        tasks: With the labels that the data show.
        train: What is trained on; each record has an annotation of at least one task.
        dev: What chooses the best epoch; may be empty.
        held_out: Whether dev was split off the training data.
        files: For each file: path, SHA-256, records.
    """

    tasks: tuple[Task, ...]
    train: list[Record]
    dev: list[Record]
    held_out: bool
    files: list[dict[str, Any]]


def load_data(settings: RunSettings, notices: Notices) -> TrainingData:
    """Read the files of a run and learn the tasks' labels.

    Raises:
        SettingsError: If no training file is named, or a task's settings are wrong.
        DataError: If a file cannot be used, or carries nothing for a task.
    """
    if not settings.data.train:
        raise SettingsError("no training data: give DATA, or data.train in a settings file")
    for path in (*settings.data.train, *settings.data.dev):
        if str(path) == "-":
            raise SettingsError("training data must be in files, which are read more than once; found standard input")
    wanted = settings.tasks or _tasks_in(settings.data.train)
    options = {name: options_of(name, task) for name, task in wanted.items()}  # which also checks each task's kind
    limits = Limits(settings.data.max_characters, settings.data.text_field)
    files: list[dict[str, Any]] = []
    train = _read(settings.data.train, wanted, limits, notices, files)
    dev = _read(settings.data.dev, wanted, limits, notices, files)
    tasks = tuple(_learn(name, task, options[name], train, settings.data.train) for name, task in wanted.items())
    kept = [record for record in train if record.annotations]
    if bare := next((record for record in train if not record.annotations), None):
        rule = "{records carry|record carries} no annotation of any task (left out of training)"
        notices.add(rule, bare.source, "no annotation", len(train) - len(kept))
    for task in tasks if dev else ():
        if not any(task.name in record.annotations for record in dev):
            rule = f"{{dev files lack|dev file lacks}} annotations of the task {task.name!r}"
            rule += " (it has no part in choosing the best epoch)"
            notices.add(rule, None, f"no field {task.field!r} in any of {len(dev):,} records", len(settings.data.dev))
    if settings.data.dev:
        return TrainingData(tasks, kept, dev, False, files)
    stays, held_out = hold_out(kept, tasks, seed=settings.training.seed)
    return TrainingData(tasks, stays, held_out, True, files)


def _read(
    paths: Iterable[Path],
    wanted: Mapping[str, TaskSettings],
    limits: Limits,
    notices: Notices,
    files: list[dict[str, Any]],
) -> list[Record]:
    records: list[Record] = []
    for path in paths:
        columns = {name: KINDS[task.kind].column(task.field) for name, task in wanted.items()}
        read = list(read_records(path, columns, notices=notices, limits=limits))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append({"path": str(path), "sha256": digest, "records": len(read)})
        records += read
    return records


def _learn(
    name: str, task: TaskSettings, options: Mapping[str, Any], records: Sequence[Record], paths: Sequence[Path]
) -> Task:
    annotations = [record.annotations[name] for record in records if name in record.annotations]
    if not annotations:
        raise DataError(
            f"tasks.{name}.field: no record of {', '.join(map(str, paths))} has the field {task.field!r}; "
            f"{name_the_known(task.field, _fields_in(paths))}"
        )
    kind = KINDS[task.kind]
    return kind.learn(name=name, field=task.field, weight=task.weight, options=options, annotations=annotations)


def _tasks_in(paths: Sequence[Path]) -> dict[str, TaskSettings]:
    """Find the default tasks whose fields the data have."""
    fields = _fields_in(paths)
    found = {name: task for name, task in DEFAULT_TASKS.items() if task.field in fields}
    if not found:
        raise DataError(
            f"{', '.join(map(str, paths))}: no field 'label' or 'ner_tags', so there is no task; the records have "
            f"{', '.join(map(repr, sorted(fields)))}. Name tasks and fields in a settings file: [tasks.NAME] with "
            f"kind and field"
        )
    return found


def _fields_in(paths: Iterable[Path]) -> set[str]:
    return {name for path in paths for raw in read_raw(path) for name in raw.fields}
