"""The trainings of a study that are finished, on disk, so that it goes on where it was broken off.

begun.json              settings, data and machine that the study was begun with
joint-seed42.json       what is kept of a training: facts and figures; single-TASK, pair-A+B
latency.json            how long the models take for one text
models/                 bundles: until they were timed, or for good where they are to be kept
running-…               the folder of a training that is not finished; goes when the study goes on
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyhead.bundle import write_text
from polyhead.bundle.saving import sweep
from polyhead.errors import SettingsError
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter
from polyhead.studies.sharing.outcome import Outcome
from polyhead.studies.sharing.training import RUNNING
from polyhead.training.fingerprint import changed_settings, machine_differences

FOLDER = "trainings"
_BEGUN, _LATENCY, _MODELS = "begun.json", "latency.json", "models"


class Store:
    """Keeps trainings in a folder of the study's.

    Args:
        output: The study's folder.

    Attributes:
        folder: Where they are kept.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output / FOLDER

    def begun(self) -> dict[str, Any] | None:
        """Return what the study was begun with; `None` where it was not begun.

        Raises:
            SettingsError: If that cannot be read.
        """
        found = self._read(self.folder / _BEGUN)
        if found is not None and not found.keys() >= {"settings", "data", "machine", "versions"}:
            raise SettingsError(f"--output: {self.folder / _BEGUN} is not the account of a study; --anew replaces it")
        return found

    def open(self, account: Mapping[str, Any], *, anew: bool, reporter: StudyReporter) -> None:
        """Begin a study, or go on with the one that was begun here.

        Args:
            account: What it is begun with: settings, data, machine, versions.
            anew: Drop what there is.
            reporter: Hears of what may change the last bits.

        Raises:
            SettingsError: If the study that was begun here has other settings or data.
        """
        if anew and self.folder.exists():
            shutil.rmtree(self.folder)
        if (before := self.begun()) is not None:
            self._check(before, account, reporter)
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        for path in self.folder.glob(f"{RUNNING}*"):
            shutil.rmtree(path, ignore_errors=True)
        if before is None:
            write_text(self.folder / _BEGUN, _dumped(account))

    def _check(self, before: Mapping[str, Any], now: Mapping[str, Any], reporter: StudyReporter) -> None:
        if changed := changed_settings(before, now):
            listed = "\n".join(f"  {line}" for line in changed)
            raise SettingsError(
                f"--output: the study in {self.folder.parent} was begun with other settings or data:\n{listed}\nUndo "
                f"the change, name another --output, or drop what is finished and begin again with --anew"
            )
        for line in machine_differences(before, now):
            reporter.warn(f"{line}: trainings from now on may differ from those before in last bits, and in time")

    def find(self, name: str, *, model: Path | None) -> Outcome | None:
        """Return what is kept of a training; `None` where it is not finished, or lacks the model that is wanted.

        Args:
            name: Of the training.
            model: The bundle that must be there, if one must.
        """
        found = self._read(self._place(name))
        if found is None or (model is not None and not model.is_dir()):
            return None
        try:
            return Outcome.from_json(found)
        except (KeyError, TypeError) as error:
            raise SettingsError(
                f"--output: {self._place(name)} does not hold a training ({error!r}); remove the file"
            ) from error

    def add(self, name: str, outcome: Outcome) -> None:
        """Keep a training that is finished."""
        write_text(self._place(name), json.dumps(outcome.to_json(), allow_nan=False) + "\n")

    def model(self, name: str) -> Path:
        """Return the place of a training's bundle."""
        return self.folder / _MODELS / name

    def drop_models(self) -> None:
        """Remove the bundles."""
        if (self.folder / _MODELS).exists():
            shutil.rmtree(self.folder / _MODELS)

    def latency(self) -> dict[str, Any] | None:
        """Return how long models take for a text; `None` where that was not measured."""
        return self._read(self.folder / _LATENCY)

    def add_latency(self, found: Mapping[str, Any]) -> None:
        """Keep how long models take for a text."""
        write_text(self.folder / _LATENCY, _dumped(found))

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"--output: {path} cannot be read: {error}; remove it, or take --anew") from error
        if not isinstance(found, dict):
            raise SettingsError(f"--output: {path} is not what a study keeps; remove it, or take --anew")
        return found


def as_begun(settings: RunSettings, before: Mapping[str, Any] | None, resolved: str) -> RunSettings:
    """Return the settings with one precision for all trainings: what the study was begun with, or is from now on.

    Args:
        settings: All settings.
        before: What the study was begun with.
        resolved: What the machine finds where the settings leave it open.
    """
    if settings.training.precision != "auto":
        return settings
    precision = resolved if before is None else before["settings"]["training"]["precision"]
    training = settings.training.model_copy(update={"precision": precision})
    return settings.model_copy(update={"training": training})


def _dumped(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
