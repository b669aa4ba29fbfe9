"""Which files are checked: the splits, their data sets, and the tasks that their records carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError, name_the_known
from polyhead.formats import Limits, Way, read_raw
from polyhead.settings import RunSettings, SetSettings, TaskSettings
from polyhead.tasks import TaskOptions, options_of
from polyhead.tasks.defaults import ways_for

SPLITS = ("train", "dev", "test")
"""In the order in which they are read: what a later one shares with an earlier one flatters its scores."""
_LOOKED_AT = 1000
"""Records of a file among which the fields are looked for by which the usual tasks are told apart."""


@dataclass(frozen=True)
class Part:
    """Some files of one split that are read alike.

    Attributes:
        split: Of `SPLITS`.
        paths: The files.
        fields: By task that they feed, the field that it reads there.
        limits: What a record may hold.
        way: How the files are to be read.
    """

    split: str
    paths: Sequence[Path]
    fields: Mapping[str, str]
    limits: Limits
    way: Way


@dataclass(frozen=True)
class Plan:
    """What is to be checked.

    Attributes:
        parts: The files, split after split.
        wanted: The tasks, by name.
        options: Their checked settings.
        by_default: Whether no task was named, so that those are taken whose fields there are.
    """

    parts: Sequence[Part]
    wanted: Mapping[str, TaskSettings]
    options: Mapping[str, TaskOptions]
    by_default: bool

    @classmethod
    def of(cls, settings: RunSettings, test: Sequence[Path]) -> Plan:
        """Make the plan of a run's files, and of test files that no run reads.

        Raises:
            SettingsError: If no file is named, or settings of tasks and data sets are wrong.
        """
        sets = settings.data.all_sets()
        shown = _shown(sets.values())
        wanted = settings.tasks or ways_for(shown)
        options = {
            name: own.suited(shown.get(wanted[name].field)) if own.is_open else own
            for name, own in ((name, options_of(name, task)) for name, task in wanted.items())
        }
        for name, own in sets.items():
            for task in own.tasks or ():
                if task not in wanted:
                    raise SettingsError(f"data.sets.{name}.tasks: no task {task!r}; {name_the_known(task, wanted)}")
        parts = list(_parts(settings, sets, wanted, test))
        if not any(part.split == SPLITS[0] for part in parts):
            raise SettingsError("no training data: give FILE, or data.train in a settings file")
        if any(str(path) == "-" for part in parts for path in part.paths):
            raise SettingsError("data must be in files, which may be read twice; found standard input")
        return cls(parts, wanted, options, by_default=not settings.tasks)


def _shown(sets: Iterable[SetSettings]) -> dict[str, Any]:
    """Return, by field, a value that is not empty, as far as the first records of the training files have one."""
    shown: dict[str, Any] = {}
    for own in sets:
        for path in own.train:
            for raw in islice(read_raw(path, way=Way.of(own), on_bad=lambda _: None), _LOOKED_AT):
                shown |= {name: value for name, value in raw.fields.items() if value and not shown.get(name)}
    return shown


def _parts(
    settings: RunSettings, sets: Mapping[str, SetSettings], wanted: Mapping[str, TaskSettings], test: Sequence[Path]
) -> Iterator[Part]:
    characters = settings.data.max_characters
    for split in SPLITS[:2]:
        for own in sets.values():
            if paths := getattr(own, split):
                yield Part(
                    split,
                    paths,
                    own.fields_of(wanted),
                    Limits(characters, own.text_field, own.second_field),
                    Way.of(own),
                )
    if test:
        alone = next(iter(sets.values())) if len(sets) == 1 else SetSettings()
        agreed = Limits.agreed(characters, [(own.text_field, own.second_field) for own in sets.values()])
        yield Part(SPLITS[2], test, alone.fields_of(wanted), agreed, Way.of(alone))
