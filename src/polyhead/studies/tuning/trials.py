"""What came of the trials: one file, written whole after each of them, from which a search goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from polyhead.bundle import write_text
from polyhead.errors import SettingsError
from polyhead.training.fingerprint import changed_settings, machine_differences

FILE = "trials.json"
_FORMAT_VERSION = 1


class State(StrEnum):
    """What became of a trial."""

    complete = "complete"
    pruned = "pruned"
    failed = "failed"
    repeat = "repeat"


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: From 0, which is the one with the default settings.
        state: What became of it. ``repeat``: its values are those of an earlier trial, so it was not trained again.
        values: By searched setting, its value; `None`: left out, or not known, as of a default that failed.
        epochs: How many epochs it was to have.
        scores: The dev score after each epoch that it had; `None` where nothing defines one.
        score: The dev score of its best epoch; `None` where it failed. Of a pruned one it is the best it had.
        epoch: That epoch, from 1.
        figures: The tasks' dev figures of that epoch, by name.
        seconds: How long it took, dev scores included.
        why: Why it failed.
        like: The number of the trial that it repeats.
        warnings: What was odd about its training.
    """

    number: int
    state: State
    values: dict[str, Any]
    epochs: int = 0
    scores: list[float | None] = field(default_factory=list)
    score: float | None = None
    epoch: int | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    why: str | None = None
    like: int | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, account: Mapping[str, Any]) -> Self:
        """Return a trial as `to_json` gives it."""
        own = {each.name: account[each.name] for each in fields(cls) if each.name in account}
        return cls(**own | {"state": State(own["state"])})

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON."""
        return asdict(self) | {"state": self.state.value}


@dataclass(frozen=True)
class Check:
    """One training with a fresh seed, after the search.

    Attributes:
        trial: Whose settings it has.
        seed: Its seed.
        score: The dev score of its best epoch; `None` where it failed.
        figures: The tasks' dev figures of that epoch, by name.
        why: Why it failed.
    """

    trial: int
    seed: int
    score: float | None
    figures: dict[str, float | None] = field(default_factory=dict)
    why: str | None = None


@dataclass
class Kept:
    """A search as its file holds it.

    Attributes:
        asked: What is searched, on which data, by what: another one cannot go on from here.
        trials: In the order of their numbers.
        checks: Trainings with fresh seeds.
    """

    asked: dict[str, Any]
    trials: list[Trial] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def write(self, folder: Path, summary: Mapping[str, Any]) -> None:
        """Write the file, whole or not at all.

        Args:
            folder: Where.
            summary: What comes of all trials so far.
        """
        account = {
            "format_version": _FORMAT_VERSION,
            **summary,
            "trials": [trial.to_json() for trial in self.trials],
            "checks": [asdict(check) for check in self.checks],
            "asked": self.asked,
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / FILE, json.dumps(account, indent=2, ensure_ascii=False) + "\n")


def begun(folder: Path, asked: dict[str, Any]) -> tuple[Kept, list[str]]:
    """Return the search that a folder holds, or a new one.

    Args:
        folder: The folder; it need not be there.
        asked: What is searched now.

    Returns:
        The search, and lines on what else may make a difference: versions, the machine.

    Raises:
        SettingsError: If there is one of other settings or data, or its file cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return Kept(asked), []
    kept = _read(path)
    if found := list(_differences(kept.asked, asked)):
        listed = "\n".join(f"  {line}" for line in found)
        raise SettingsError(
            f"{path}: the search that was begun here has other settings or data:\n{listed}\nUndo the change to go on; "
            f"or search in another folder (--output), or begin anew here (--anew), which removes the earlier trials"
        )
    others = machine_differences(kept.asked, asked) if kept.trials else []
    kept.asked = asked
    return kept, others


def _read(path: Path) -> Kept:
    cure = "remove it, or name another folder (--output)"
    try:
        account = json.loads(path.read_text(encoding="utf-8"))
        version = account["format_version"]
        if version == _FORMAT_VERSION:
            trials = [Trial.from_json(own) for own in account["trials"]]
            return Kept(account["asked"], trials, [Check(**own) for own in account["checks"]])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be read as the trials of a search: {error!r}; {cure}") from error
    raise SettingsError(f"{path}: has format_version {version!r}, this version reads {_FORMAT_VERSION}; {cure}")


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = changed_settings(before, now)
    old, new = ({own["setting"]: own for own in asked["searched"]} for asked in (before, now))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            found.append(f"{name}: {_range(old.get(name))} before, {_range(new.get(name))} now")
    for key in ("fraction", "prune"):
        if before[key] != now[key]:
            found.append(f"{key}: {before[key]} before, {now[key]} now")
    return found


def _range(own: Mapping[str, Any] | None) -> str:
    if own is None:
        return "not searched"
    return ", ".join(f"{key} {value}" for key, value in own.items() if key != "setting" and value is not None)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the complete trial with the highest score, the first of equals; `None` where there is none."""
    complete = [(own.score, -own.number, own) for own in trials if own.state is State.complete]
    return max(complete, key=lambda own: (own[0] or 0.0, own[1]))[-1] if complete else None
