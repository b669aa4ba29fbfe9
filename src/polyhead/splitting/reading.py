"""Files to records with the annotations of tasks, and the field by which records are grouped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats import Limits, Way, lines_are_records, read_raw, record_of
from polyhead.formats.losses import telling
from polyhead.formats.raw import AS_IT_IS
from polyhead.notices import Notices
from polyhead.preparing.keys import file_digest
from polyhead.records import Record
from polyhead.settings import RunSettings, SetSettings, TaskSettings
from polyhead.tasks import Task, kind_named, options_of
from polyhead.tasks.defaults import default_tasks


@dataclass(frozen=True)
class Input:
    """A file that is split.

    Attributes:
        path: The file, as the user named it.
        sha256: Of its content.
        lines: By record, the line at which it begins.
        a_line_each: Whether each record is a line that can be copied as it is.
        way: How it is read.
    """

    path: Path
    sha256: str
    lines: list[int]
    a_line_each: bool
    way: Way = AS_IT_IS


@dataclass(frozen=True)
class Read:
    """What was read.

    Attributes:
        inputs: The files.
        records: Of all files, one after the other.
        tasks: With the labels that the records show.
        groups: By record, the value of the field that groups; `None` where it has none.
    """

    inputs: list[Input]
    records: list[Record]
    tasks: tuple[Task, ...]
    groups: list[str | None]


def read_inputs(
    paths: Sequence[Path],
    settings: RunSettings,
    notices: Notices,
    *,
    group: str | None = None,
    on_record: Callable[[int], None] = lambda _: None,
) -> Read:
    """Read the files that are to be split.

    Args:
        paths: The files.
        settings: They say what the tasks are and how files are read; where they have several data sets, a file is read
            as the set that names it.
        notices: Hears of what is odd in the data but usable.
        group: The field that groups.
        on_record: Called with the number of records read since the last call.

    Raises:
        SettingsError: If a task's settings are wrong, or there is no format of a name.
        DataError: If a file cannot be used, has no field of any task, or none of its records the field that groups.
    """
    _check_paths(paths)
    sets = {path: _set_of(path, settings) for path in paths}
    ways = {path: Way.of(own) if own else AS_IT_IS for path, own in sets.items()}
    wanted = settings.tasks or default_tasks(_fields_in(ways), paths)
    options = {name: options_of(name, task) for name, task in wanted.items()}
    inputs, records, groups = list[Input](), list[Record](), list[str | None]()
    fields: set[str] = set()
    for path in paths:
        digest, lines = file_digest(path), []
        limits, read = _as_read(sets[path], settings, wanted)
        columns = {
            name: kind_named(wanted[name].kind, where=name).column(field, options[name]) for name, field in read.items()
        }
        for raw in read_raw(path, way=ways[path], lost=telling(notices)):
            records.append(record_of(raw, columns, notices=notices, limits=limits)[1])
            lines.append(raw.source.line)
            if group is not None:
                value = raw.fields.get(group)
                groups.append(None if value is None else json.dumps(value, sort_keys=True))
                fields |= raw.fields.keys()
            on_record(1)
        for column in columns.values():
            column.finish(notices)
        inputs.append(Input(path, digest, lines, lines_are_records(path, ways[path]), ways[path]))
    if group is not None and not any(value is not None for value in groups):
        raise DataError(f"--group: no record has the field {group!r}; {name_the_known(group, sorted(fields))}")
    tasks = tuple(_learn(name, wanted[name], options[name], records, ways) for name in wanted)
    return Read(inputs, records, tasks, groups)


def _check_paths(paths: Sequence[Path]) -> None:
    if not paths:
        raise SettingsError("no file to split: name one or several")
    if any(str(path) == "-" for path in paths):
        raise SettingsError("what is split must be in files, which are read more than once; found standard input")
    resolved = [path.resolve() for path in paths]
    for path, own in zip(paths, resolved, strict=True):
        if resolved.count(own) > 1:
            raise SettingsError(f"{path} is named twice: each of its records would be there twice; name it once")


def _fields_in(ways: Mapping[Path, Way]) -> set[str]:
    return {name for path, way in ways.items() for raw in read_raw(path, way=way) for name in raw.fields}


def _set_of(path: Path, settings: RunSettings) -> SetSettings | None:
    """Return the data set as whose file a file is read: the one that names it, or the only one there is."""
    sets = settings.data.all_sets()
    own = next((one for one in sets.values() if path.resolve() in _files_of(one)), None)
    return next(iter(sets.values())) if own is None and len(sets) == 1 else own


def _as_read(
    own: SetSettings | None, settings: RunSettings, wanted: Mapping[str, TaskSettings]
) -> tuple[Limits, dict[str, str]]:
    """Return how a file is read, and by task the field that it reads: those of its data set, where that is known."""
    if own is None:
        sets = settings.data.all_sets()
        limits = Limits.agreed(
            settings.data.max_characters, [(one.text_field, one.second_field) for one in sets.values()]
        )
        return limits, {name: task.field for name, task in wanted.items()}
    return Limits(settings.data.max_characters, own.text_field, own.second_field), own.fields_of(wanted)


def _files_of(own: SetSettings) -> set[Path]:
    return {path.resolve() for path in (*own.train, *own.dev, *own.test)}


def _learn(name: str, task: TaskSettings, options: Any, records: Sequence[Record], ways: Mapping[Path, Way]) -> Task:
    annotations = [record.annotations[name] for record in records if name in record.annotations]
    if not annotations:
        fields = sorted(_fields_in(ways))
        raise DataError(
            f"tasks.{name}.field: no record of {', '.join(map(str, ways))} has the field {task.field!r}; "
            f"{name_the_known(task.field, fields)}"
        )
    kind = kind_named(task.kind, where=f"tasks.{name}.kind")
    return kind.learn(name=name, field=task.field, weight=task.weight, options=options, annotations=annotations)
