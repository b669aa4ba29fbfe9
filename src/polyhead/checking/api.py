"""`check`: all that can be seen of annotated data before any training."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyhead.checking.alignment import POLICIES, Alignments, Policy
from polyhead.checking.duplicates import groups_of
from polyhead.checking.encoder import FoundEncoder, find_encoder
from polyhead.checking.files import SPLITS, Plan
from polyhead.checking.findings import LISTED, Findings
from polyhead.checking.labels import Labels
from polyhead.checking.lengths import Lengths
from polyhead.checking.looking import Look, look_at_all
from polyhead.checking.near import NEAR
from polyhead.checking.reading import OnRecords, ReadData, Reading
from polyhead.checking.repeats import NearRepeats, tell_conflicts, tell_twins
from polyhead.checking.unknown import UnknownPieces
from polyhead.checking.values import Values
from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.preparing import CannotStoreError, Spool, StoredRecords
from polyhead.preparing.choosing import annotations_of
from polyhead.records import Record
from polyhead.settings import load_settings
from polyhead.tasks import Task, kind_named
from polyhead.tasks.defaults import default_tasks

Paths = str | Path | Sequence[str | Path]


def check(
    train: Paths = (),
    *,
    dev: Paths = (),
    test: Paths = (),
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    on_misaligned: Policy | None = None,
    near: float = NEAR,
    listed: int = LISTED,
    on_records: OnRecords = lambda _what, _count: None,
) -> dict[str, Any]:
    """Look at annotated data before they are trained on. Nothing is changed.

    Args:
        train: Training files; by default those of the settings file.
        dev: Dev files; by default those of the settings file.
        test: Test files.
        config: A settings file (TOML): its tasks, fields, files, encoder.
        settings: Further settings, dotted key to value, which beat the file's.
        encoder: Whose pieces count: a folder, ``minilm`` or a name on the Hub. By default that of the settings file,
            else ``minilm`` where it is installed.
        on_misaligned: What becomes of entities that begin or end inside a unit: ``error``, ``snap`` (they would be
            moved to the bounds of units) or ``drop`` (left out). By default they are errors where they are more than
            1 % of a task's entities, else warnings.
        near: The similarity from which on texts are nearly equal, above 0.5, to 1.
        listed: Findings of a kind that are returned with their places; all are counted.
        on_records: Hears what is done, and with how many records since the last call.

    Returns:
        What was found, as JSON: ``summary`` has a row for each kind of finding, ``findings`` the findings by kind, each
        with file and line; ``errors`` is how many there are that must be mended.

    Raises:
        SettingsError: If a setting is wrong, or no file is named.
        DataError: If a file cannot be used at all, or the data have no task.
        EncoderError: If the encoder that is named cannot be used.
    """
    _check_options(on_misaligned, near, listed)
    flags = {"data.train": _paths(train) or None, "data.dev": _paths(dev) or None, **(settings or {})}
    own = load_settings(Path(config) if config else None, (), flags)
    plan = Plan.of(own, [Path(path) for path in _paths(test)])
    found_encoder = find_encoder(own, encoder)
    with tempfile.TemporaryDirectory(prefix="polyhead-check-") as folder:
        checking = _Checking(plan, found_encoder, Path(folder), listed=listed, on_records=on_records)
        checking.read()
        checking.learn()
        checking.look(on_misaligned, near)
        return checking.result()


class _Checking:
    """One check, step after step; records lie in a folder, not in memory."""

    def __init__(self, plan: Plan, encoder: FoundEncoder, folder: Path, *, listed: int, on_records: OnRecords) -> None:
        self._plan, self._encoder, self._folder, self._listed = plan, encoder, folder, listed
        self._on_records = on_records
        self._findings = Findings(listed)
        self._data = ReadData()
        self._records: Sequence[Record] = []
        self._tasks: list[Task] = []
        self._names = list(plan.wanted)
        self._known: dict[str, Any] = {}

    def read(self) -> None:
        """Read all files."""
        reading = Reading(self._plan, self._findings, self._on_records)
        try:
            spool = Spool(self._folder, self._names)
            self._records = spool.keep(reading.records())
            spool.close()
        except CannotStoreError:  # annotations of an outside kind that only memory holds: begin anew
            self._findings = Findings(self._listed)
            reading = Reading(self._plan, self._findings, self._on_records)
            self._records = list(reading.records())
        self._data = reading.data

    def learn(self) -> None:
        """Learn the tasks from the training data, as training would."""
        if self._plan.by_default:
            everywhere = {name for fields in self._data.fields.values() for name in fields}
            if everywhere:
                paths = [path for part in self._plan.parts for path in part.paths]
                self._names = list(default_tasks(everywhere, paths))
        training = self._part(SPLITS[0])
        for name in self._names:
            settings = self._plan.wanted[name]
            annotations = annotations_of(training, name)
            try:
                if not annotations:
                    raise DataError(f"no training record carries a usable {settings.field!r}")  # noqa: TRY301
                kind = kind_named(settings.kind, where=f"tasks.{name}.kind")
                options = self._plan.options[name]
                self._tasks.append(
                    kind.learn(
                        name=name,
                        field=settings.field,
                        weight=settings.weight,
                        options=options,
                        annotations=annotations,
                    )
                )
            except DataError as error:
                self._findings.add("untaught", None, f"{name}: {error}", task=name)

    def look(self, policy: Policy | None, near: float) -> None:
        """Compare texts with one another, and look at annotations and pieces."""
        first, split_of = groups_of(self._data.digests), self._data.split_of
        tell_twins(self._records, first, split_of, self._findings)
        tell_conflicts(self._records, first, self._tasks, self._findings)
        looks: list[Look] = [
            Labels(self._tasks, self._names, self._findings),
            Alignments(self._tasks, policy, self._findings),
            Values(self._tasks),
            NearRepeats(self._records, first, split_of, folder=self._folder, at_least=near, findings=self._findings),
        ]
        pieces = self._encoder.pieces
        if pieces is not None:
            looks.append(Lengths(pieces, self._findings))
            if pieces.unknown_id is not None:
                looks.append(UnknownPieces(pieces, self._findings))
        self._known = look_at_all(self._records, split_of, pieces, looks, self._on_records)

    def result(self) -> dict[str, Any]:
        """Return all that was found."""
        pieces = self._encoder.pieces
        return {
            "errors": self._findings.errors(),
            "records": len(self._records),
            "files": self._data.files,
            "tasks": {name: self._plan.wanted[name].kind for name in self._names},
            "encoder": {
                "name": self._encoder.name or None,
                "max_pieces": pieces.max_pieces if pieces else None,
                "said": self._encoder.said or None,
            },
            "summary": self._findings.summary(),
            **self._known,
            "findings": self._findings.to_json(),
        }

    def _part(self, split: str) -> Sequence[Record]:
        places = np.flatnonzero(self._data.split_of == SPLITS.index(split))
        if isinstance(self._records, StoredRecords):
            return self._records.at(places)
        return [self._records[at] for at in places.tolist()]


def _paths(given: Paths) -> list[str]:
    return [str(given)] if isinstance(given, str | Path) else [str(path) for path in given]


def _check_options(policy: str | None, near: float, listed: int) -> None:
    if policy is not None and policy not in POLICIES:
        raise SettingsError(f"on_misaligned: no policy {policy!r}; {name_the_known(policy, POLICIES)}")
    if not 0.5 < near <= 1:
        raise SettingsError(f"near: a similarity above 0.5, to 1, found {near:g}")
    if listed < 0:
        raise SettingsError(f"listed: 0 or more, found {listed}")
