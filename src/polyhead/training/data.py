"""The data of a run: which tasks they make, what is trained on, what chooses the best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from polyhead.errors import SettingsError
from polyhead.notices import Notices
from polyhead.preparing import Cache
from polyhead.settings import RunSettings, SetSettings
from polyhead.training.kept import kept_data
from polyhead.training.reading import InMemory, read_data
from polyhead.training.sets import DataSet, TrainingData, with_sets

__all__ = ["DataSet", "TrainingData", "load_data", "with_sets"]


def load_data(settings: RunSettings, notices: Notices) -> TrainingData:
    """Read the files of a run and learn the tasks' labels; or find what an earlier run read of the same files.

    Raises:
        SettingsError: If no training file is named, or a task's or data set's settings are wrong.
        DataError: If a file cannot be used, or carries nothing for a task.
    """
    sets = settings.data.all_sets()
    _check_files(sets)
    files = [path for own in sets.values() for path in (*own.train, *own.dev)]
    cache = Cache.for_files(settings.data.cache, files)
    if cache and (data := kept_data(settings, notices, cache)):
        return data
    data = read_data(settings, notices, store=lambda _: InMemory())
    return replace(data, said=tuple(cache.said)) if cache else data


def _check_files(sets: Mapping[str, SetSettings]) -> None:
    for name, own in sets.items():
        where = "data.train" if name == "data" else f"data.sets.{name}.train"
        if not own.train:
            raise SettingsError(f"no training data: give DATA, or {where} in a settings file")
        if any(str(path) == "-" for path in (*own.train, *own.dev)):
            raise SettingsError("training data must be in files, which are read more than once; found standard input")
