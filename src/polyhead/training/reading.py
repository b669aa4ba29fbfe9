"""Files to the data of a run: records, the tasks' labels, and what chooses the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats import Limits, Way, read_raw, read_records
from polyhead.notices import Notices
from polyhead.preparing.choosing import annotated, annotations_of, how_many, taken, together
from polyhead.preparing.keys import file_digest
from polyhead.records import Record
from polyhead.settings import RunSettings, SetSettings, TaskSettings
from polyhead.tasks import Task, TaskOptions, kind_named, options_of
from polyhead.tasks.defaults import default_tasks
from polyhead.training.holdout import hold_out
from polyhead.training.repeats import Digests, tell_of_repeats
from polyhead.training.sets import DataSet, TrainingData


class Store(Protocol):
    """What becomes of records that are read."""

    def keep(self, records: Iterable[Record]) -> Sequence[Record]:
        """Take records, and return what they can be read from once all are taken."""

    def close(self) -> None:
        """Hear that all are taken."""


class InMemory:
    """Keeps records as they are."""

    def keep(self, records: Iterable[Record]) -> Sequence[Record]:
        """Return a list of them."""
        return list(records)

    def close(self) -> None:
        """There is nothing to close."""


def read_data(settings: RunSettings, notices: Notices, *, store: Callable[[Sequence[str]], Store]) -> TrainingData:
    """Read the files of a run and learn the tasks' labels.

    Args:
        settings: All settings.
        notices: Hears of what is odd in the data but usable.
        store: Makes what keeps records, by the names of the tasks.

    Raises:
        SettingsError: If a task's or data set's settings are wrong.
        DataError: If a file cannot be used, or carries nothing for a task.
    """
    sets = settings.data.all_sets()
    wanted = settings.tasks or _default_tasks(sets.values())
    options = {name: options_of(name, task) for name, task in wanted.items()}  # which also checks each task's kind
    options |= _suited({name: own for name, own in options.items() if own.is_open}, wanted, sets.values())
    for name, own in sets.items():
        for task in own.tasks or ():
            if task not in wanted:
                raise SettingsError(f"data.sets.{name}.tasks: no task {task!r}; {name_the_known(task, wanted)}")
    reading = _Reading(wanted, options, settings.data.max_characters, notices)
    records = store(list(wanted))
    digests = Digests(in_both=_in_both(sets))
    read = {
        name: (
            records.keep(digests.noted(reading.files(own, own.train), digests.train)),
            records.keep(digests.noted(reading.files(own, own.dev), digests.dev)),
        )
        for name, own in sets.items()
    }
    records.close()
    train = together([own for own, _ in read.values()])
    tasks = tuple(_learn(name, task, options[name], train, sets) for name, task in wanted.items())
    found = list(_sets(settings, read, tasks, notices))
    _tell_of_dev(found, tasks, notices)
    tell_of_repeats(train, together([own for _, own in read.values()]), digests, tasks, notices)
    return TrainingData(tasks, tuple(found), reading.accounts)


def _in_both(sets: Mapping[str, SetSettings]) -> frozenset[str]:
    """Return the files that are named for training and for dev."""
    train, dev = ({str(path) for own in sets.values() for path in getattr(own, part)} for part in ("train", "dev"))
    return frozenset(train & dev)


def _sets(
    settings: RunSettings,
    read: Mapping[str, tuple[Sequence[Record], Sequence[Record]]],
    tasks: Sequence[Task],
    notices: Notices,
) -> Iterator[DataSet]:
    sets, keep_bare = settings.data.all_sets(), bool(settings.teacher.models)
    for name, (own_train, own_dev) in read.items():
        kept = own_train if keep_bare else _annotated(own_train, notices)
        stays, dev = kept, own_dev
        if held_out := not sets[name].dev:
            stays, dev = hold_out(kept, tasks, seed=settings.training.seed)
        yield DataSet(name, sets[name].weight, stays, dev, held_out)


class _Reading:
    """Reads files for the tasks that their data set feeds, and keeps account of them."""

    def __init__(
        self, wanted: Mapping[str, TaskSettings], options: Mapping[str, TaskOptions], characters: int, notices: Notices
    ) -> None:
        self._wanted, self._options, self._characters, self._notices = wanted, options, characters, notices
        self.accounts: list[dict[str, Any]] = []

    def files(self, own: SetSettings, paths: Iterable[Path]) -> Iterator[Record]:
        limits = Limits(self._characters, own.text_field, own.second_field)
        fields = own.fields_of(self._wanted)
        for path in paths:
            columns = {
                name: kind_named(self._wanted[name].kind, where=name).column(field, self._options[name])
                for name, field in fields.items()
            }
            count = 0
            for record in read_records(path, columns, notices=self._notices, limits=limits, way=Way.of(own)):
                count += 1
                yield record
            self.accounts.append({"path": str(path), "sha256": file_digest(path), "records": count})


def _annotated(records: Sequence[Record], notices: Notices) -> Sequence[Record]:
    has = annotated(records)
    if has.all():
        return records
    rule = "{records carry|record carries} no annotation of any task (left out of training)"
    bare = records[int(np.flatnonzero(~has)[0])]
    notices.add(rule, bare.source, "no annotation", int((~has).sum()))
    return taken(records, np.flatnonzero(has))


def _tell_of_dev(sets: Sequence[DataSet], tasks: Sequence[Task], notices: Notices) -> None:
    """Tell of tasks that have no part in choosing the best epoch."""
    dev = together([own.dev for own in sets])
    for task in tasks if dev else ():
        if not how_many(dev, task.name):
            rule = f"{{dev files lack|dev file lacks}} annotations of the task {task.name!r}"
            rule += " (it has no part in choosing the best epoch)"
            found = f"no field {task.field!r} in any of {len(dev):,} records"
            notices.add(rule, None, found, sum(bool(own.dev) for own in sets))


def _learn(
    name: str, task: TaskSettings, options: TaskOptions, records: Sequence[Record], sets: Mapping[str, SetSettings]
) -> Task:
    annotations = annotations_of(records, name)
    if not annotations:
        feeding = [own for own in sets.values() if own.tasks is None or name in own.tasks]
        paths = [path for own in feeding for path in own.train]
        if not paths:
            raise SettingsError(f"tasks.{name}: no data set feeds it; name it in data.sets.NAME.tasks")
        fields = list(dict.fromkeys(own.fields_of({name: task})[name] for own in feeding))
        raise DataError(
            f"tasks.{name}.field: no record of {', '.join(map(str, paths))} has the field "
            f"{' or '.join(map(repr, fields))}; {name_the_known(fields[0], _fields_in(feeding))}"
        )
    kind = kind_named(task.kind, where=f"tasks.{name}.kind")
    return kind.learn(name=name, field=task.field, weight=task.weight, options=options, annotations=annotations)


def _default_tasks(sets: Collection[SetSettings]) -> dict[str, TaskSettings]:
    return default_tasks(_fields_in(sets), [path for own in sets for path in own.train])


def _suited(
    options: Mapping[str, TaskOptions], wanted: Mapping[str, TaskSettings], sets: Iterable[SetSettings]
) -> dict[str, TaskOptions]:
    """Settle what settings leave to the data, by the first value in them that is not empty."""
    left = dict(options)
    for own in sets:
        fields = {name: field for name, field in own.fields_of(wanted).items() if name in left}
        for path in own.train if fields else ():
            for raw in read_raw(path, way=Way.of(own)):
                for name in [name for name, field in fields.items() if raw.fields.get(field)]:
                    left[name] = left[name].suited(raw.fields[fields.pop(name)])
                if not fields:
                    break
    return left


def _fields_in(sets: Iterable[SetSettings]) -> set[str]:
    return {
        name for own in sets for path in own.train for raw in read_raw(path, way=Way.of(own)) for name in raw.fields
    }
