"""Records that are kept between runs: found, or read and kept.

data.json               tasks, data sets, account of the files, notices
N-train.npy, N-dev.npy  the places of the records of the data set with the number N
                        and the files of a spool, see `polyhead.preparing.spool`
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyhead.errors import BundleError
from polyhead.notices import Notices
from polyhead.preparing import Cache, CannotStoreError, Spool, StoredRecords
from polyhead.preparing.arrays import open_array
from polyhead.preparing.keys import file_digest, records_key
from polyhead.preparing.spool import FILES, RecordFile
from polyhead.records import Record
from polyhead.settings import RunSettings
from polyhead.tasks import Task, restore_task, task_state
from polyhead.training.reading import read_data
from polyhead.training.sets import DataSet, Kept, TrainingData

_DATA = "data.json"
Stamps = list[tuple[int, int]]


def kept_data(settings: RunSettings, notices: Notices, cache: Cache) -> TrainingData | None:
    """Return the data of a run that are kept, after reading them where they are not kept yet.

    Args:
        settings: All settings.
        notices: Hears of what is odd in the data but usable, also where that was found by an earlier run.
        cache: Where data are kept.

    Returns:
        The data; `None` where they cannot be kept, which the cache then says.

    Raises:
        PolyheadError: If settings or data cannot be used.
    """
    began, paths = time.perf_counter(), _paths(settings)
    try:
        stamps = _stamps(paths)
        key = records_key(settings, {path: file_digest(path) for path in paths})
    except OSError:
        return None  # reading says what is wrong
    if data := _found(settings, cache, key, notices):
        return replace(data, said=(f"{_count(data)} records found in {cache.folder}, no file read again", *cache.said))
    data = _made(settings, cache, key, notices, stamps)
    if data is None:
        return None
    line = f"{_count(data)} records read in {time.perf_counter() - began:.1f} s, and kept in {cache.folder}"
    return replace(data, said=(line, *cache.said))


def _paths(settings: RunSettings) -> list[Path]:
    return [path for own in settings.data.all_sets().values() for path in (*own.train, *own.dev)]


def _stamps(paths: Sequence[Path]) -> Stamps:
    """Return what changes when a file does."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    found = [file.stat() for file in files]
    return [(own.st_size, own.st_mtime_ns) for own in found]


def _count(data: TrainingData) -> str:
    return f"{sum(own['records'] for own in data.files):,}"


def _found(settings: RunSettings, cache: Cache, key: str, notices: Notices) -> TrainingData | None:
    numbers = range(len(settings.data.all_sets()))
    entry = cache.find("records", key, [_DATA, *FILES, *(name for at in numbers for name in places_of(at))])
    if entry is None:
        return None
    try:
        about = json.loads((entry.folder / _DATA).read_text("utf-8"))
        file = RecordFile.opened(entry.folder)
        sets = tuple(_set(entry.folder, file, at, own) for at, own in enumerate(about["sets"]))
        tasks = tuple(map(restore_task, about["tasks"]))
    except (OSError, BundleError, ValueError, KeyError, TypeError) as error:
        cache.remove("records", key, why=repr(error)[:200])
        return None
    notices.repeat(about["notices"])
    return TrainingData(tasks, sets, about["files"], Kept(cache, key, entry))


def _set(folder: Path, file: RecordFile, number: int, about: dict[str, Any]) -> DataSet:
    train, dev = (StoredRecords(file, open_array(folder / name)) for name in places_of(number))
    return DataSet(about["name"], about["weight"], train, dev, about["held_out"])


def places_of(number: int) -> tuple[str, str]:
    """Return the files of the places of a data set's records: those trained on, and dev."""
    return f"{number}-train.npy", f"{number}-dev.npy"


def _made(settings: RunSettings, cache: Cache, key: str, notices: Notices, stamps: Stamps) -> TrainingData | None:
    own = Notices(strict=notices.strict)
    try:
        with cache.new("records", key) as entry:
            folder = entry.folder
            data = read_data(settings, own, store=lambda names: Spool(folder, names))
            _write(folder, data, own)
            _check_unchanged(settings, stamps)
    except (CannotStoreError, OSError) as error:
        cache.said.append(f"not used, records are held in memory: {cache.why(error)}")
        return None
    notices.repeat(own.state())
    return replace(data, kept=Kept(cache, key, entry))


def _check_unchanged(settings: RunSettings, stamps: Stamps) -> None:
    if _stamps(_paths(settings)) != stamps:
        raise CannotStoreError("a data file was changed while it was read")


def _write(folder: Path, data: TrainingData, notices: Notices) -> None:
    for number, own in enumerate(data.sets):
        for name, records in zip(places_of(number), (own.train, own.dev), strict=True):
            np.save(folder / name, _stored(records).places)
    about = {
        "tasks": [_state(task) for task in data.tasks],
        "sets": [{"name": own.name, "weight": own.weight, "held_out": own.held_out} for own in data.sets],
        "files": data.files,
        "notices": notices.state(),
    }
    (folder / _DATA).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def _stored(records: Sequence[Record]) -> StoredRecords:
    if not isinstance(records, StoredRecords):
        raise CannotStoreError("records came back from elsewhere")
    return records


def _state(task: Task) -> dict[str, Any]:
    """Return a task as JSON that it comes back from."""
    state: dict[str, Any] = json.loads(json.dumps(task_state(task)))
    if restore_task(state) != task:
        raise CannotStoreError(f"a task of the kind {task.kind} does not come back from its JSON as it was")
    return state
