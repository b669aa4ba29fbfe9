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
from polyhead.settings import RunSettings, SetSettings, TaskSettings
from polyhead.tasks import Task, TaskOptions, kind_named, options_of
from polyhead.training.holdout import hold_out

DEFAULT_TASKS = {
    "classification": TaskSettings(kind="single_label", field="label"),
    "ner": TaskSettings(kind="tagging", field="ner_tags"),
}
"""The tasks of data that come without settings, as far as the data have their fields."""


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: The user's name for it.
        weight: The weight of its records in the losses.
        train: What is trained on; each record has an annotation of at least one task, unless there are teachers.
        dev: What chooses the best epoch; may be empty.
        held_out: Whether dev was split off the training data.
    """

    name: str
    weight: float
    train: list[Record]
    dev: list[Record]
    held_out: bool


@dataclass(frozen=True)
class TrainingData:
    """The data of a run.

    Attributes:
        tasks: With the labels that the data show.
        sets: The data sets.
        files: For each file: path, SHA-256, records.
    """

    tasks: tuple[Task, ...]
    sets: tuple[DataSet, ...]
    files: list[dict[str, Any]]

    @property
    def train(self) -> list[Record]:
        """What is trained on, of all sets."""
        return [record for own in self.sets for record in own.train]

    @property
    def dev(self) -> list[Record]:
        """What chooses the best epoch, of all sets."""
        return [record for own in self.sets for record in own.dev]


def load_data(settings: RunSettings, notices: Notices) -> TrainingData:
    """Read the files of a run and learn the tasks' labels.

    Raises:
        SettingsError: If no training file is named, or a task's or data set's settings are wrong.
        DataError: If a file cannot be used, or carries nothing for a task.
    """
    sets = settings.data.all_sets()
    _check_files(sets)
    wanted = settings.tasks or _tasks_in([path for own in sets.values() for path in own.train])
    options = {name: options_of(name, task) for name, task in wanted.items()}  # which also checks each task's kind
    for name, own in sets.items():
        for task in own.tasks or ():
            if task not in wanted:
                raise SettingsError(f"data.sets.{name}.tasks: no task {task!r}; {name_the_known(task, wanted)}")
    reading = _Reading(wanted, options, settings.data.max_characters, notices)
    read = {name: (reading.files(own, own.train), reading.files(own, own.dev)) for name, own in sets.items()}
    train = [record for own, _ in read.values() for record in own]
    tasks = tuple(_learn(name, task, options[name], train, sets) for name, task in wanted.items())
    keep_bare = bool(settings.teacher.models)
    found = []
    for name, (own_train, own_dev) in read.items():
        kept = own_train if keep_bare else _annotated(own_train, notices)
        stays, dev = kept, own_dev
        if held_out := not sets[name].dev:
            stays, dev = hold_out(kept, tasks, seed=settings.training.seed)
        found.append(DataSet(name, sets[name].weight, stays, dev, held_out))
    _tell_of_dev(found, tasks, notices)
    return TrainingData(tasks, tuple(found), reading.accounts)


def with_sets(data: TrainingData, sets: Sequence[DataSet]) -> TrainingData:
    """Return the data of a run on parts of its data sets, with tasks as these parts alone show them.

    Args:
        data: The whole.
        sets: The parts that are trained on, each with the dev data that choose its best epoch.

    Raises:
        DataError: If the parts give a task nothing to learn.
    """
    train = [record for own in sets for record in own.train]
    return TrainingData(tuple(_learnt_anew(task, train) for task in data.tasks), tuple(sets), data.files)


def _learnt_anew(task: Task, records: Sequence[Record]) -> Task:
    annotations = [record.annotations[task.name] for record in records if task.name in record.annotations]
    if not annotations:
        raise DataError(
            f"task {task.name!r}: none of the {len(records):,} records of this part of the data carries "
            f"{task.field!r}; take a larger part"
        )
    return type(task).learn(
        name=task.name, field=task.field, weight=task.weight, options=task.options, annotations=annotations
    )


def _check_files(sets: Mapping[str, SetSettings]) -> None:
    for name, own in sets.items():
        where = "data.train" if name == "data" else f"data.sets.{name}.train"
        if not own.train:
            raise SettingsError(f"no training data: give DATA, or {where} in a settings file")
        if any(str(path) == "-" for path in (*own.train, *own.dev)):
            raise SettingsError("training data must be in files, which are read more than once; found standard input")


class _Reading:
    """Reads files for the tasks that their data set feeds, and keeps account of them."""

    def __init__(
        self, wanted: Mapping[str, TaskSettings], options: Mapping[str, TaskOptions], characters: int, notices: Notices
    ) -> None:
        self._wanted, self._options, self._characters, self._notices = wanted, options, characters, notices
        self.accounts: list[dict[str, Any]] = []

    def files(self, own: SetSettings, paths: Iterable[Path]) -> list[Record]:
        limits = Limits(self._characters, own.text_field, own.second_field)
        fields = _fields_of(own, self._wanted)
        records: list[Record] = []
        for path in paths:
            columns = {
                name: kind_named(self._wanted[name].kind, where=name).column(field, self._options[name])
                for name, field in fields.items()
            }
            read = list(read_records(path, columns, notices=self._notices, limits=limits))
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self.accounts.append({"path": str(path), "sha256": digest, "records": len(read)})
            records += read
        return records


def _fields_of(own: SetSettings, wanted: Mapping[str, TaskSettings]) -> dict[str, str]:
    """Return, by task that a data set feeds, the field that it reads there."""
    named = own.tasks if own.tasks is not None else dict.fromkeys(wanted)
    return {name: field or wanted[name].field for name, field in named.items() if name in wanted}


def _annotated(records: list[Record], notices: Notices) -> list[Record]:
    kept = [record for record in records if record.annotations]
    if bare := next((record for record in records if not record.annotations), None):
        rule = "{records carry|record carries} no annotation of any task (left out of training)"
        notices.add(rule, bare.source, "no annotation", len(records) - len(kept))
    return kept


def _tell_of_dev(sets: Sequence[DataSet], tasks: Sequence[Task], notices: Notices) -> None:
    """Tell of tasks that have no part in choosing the best epoch."""
    dev = [record for own in sets for record in own.dev]
    for task in tasks if dev else ():
        if not any(task.name in record.annotations for record in dev):
            rule = f"{{dev files lack|dev file lacks}} annotations of the task {task.name!r}"
            rule += " (it has no part in choosing the best epoch)"
            found = f"no field {task.field!r} in any of {len(dev):,} records"
            notices.add(rule, None, found, sum(bool(own.dev) for own in sets))


def _learn(
    name: str, task: TaskSettings, options: TaskOptions, records: Sequence[Record], sets: Mapping[str, SetSettings]
) -> Task:
    annotations = [record.annotations[name] for record in records if name in record.annotations]
    if not annotations:
        feeding = [own for own in sets.values() if own.tasks is None or name in own.tasks]
        paths = [path for own in feeding for path in own.train]
        if not paths:
            raise SettingsError(f"tasks.{name}: no data set feeds it; name it in data.sets.NAME.tasks")
        fields = list(dict.fromkeys(_fields_of(own, {name: task})[name] for own in feeding))
        raise DataError(
            f"tasks.{name}.field: no record of {', '.join(map(str, paths))} has the field "
            f"{' or '.join(map(repr, fields))}; {name_the_known(fields[0], _fields_in(paths))}"
        )
    kind = kind_named(task.kind, where=f"tasks.{name}.kind")
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
