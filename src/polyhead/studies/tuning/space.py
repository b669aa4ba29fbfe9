"""All settings that are searched: checked against the settings themselves before anything is trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from polyhead.errors import SettingsError
from polyhead.settings import RunSettings, settings_problem
from polyhead.settings.ranges import Path, dotted, ranges_in, refuse_other_tables, without_ranges
from polyhead.studies.tuning.dimensions import Choices, Dimension, Numbers, parsed
from polyhead.tasks import kind_named, options_of

Values = Mapping[str, Any]
"""By a searched setting's name, its value; `None`: left out."""

_CHANGES_NOTHING = "it changes nothing of the model"
_OTHER_DATA = "trials are compared on the same data"
_OTHER_SCORE = "trials are compared by it"
_OTHER_TASK = "it is what the model is to learn"
_UNSEARCHED = {
    "output": _CHANGES_NOTHING,
    "strict": _CHANGES_NOTHING,
    "saving": _CHANGES_NOTHING,
    "tracking": _CHANGES_NOTHING,
    "data": _OTHER_DATA,
    "teacher.models": _OTHER_DATA,
    "teacher.data": _OTHER_DATA,
    "training.seed": "that would find luck, not settings; --confirm trains with fresh seeds",
}
_UNSEARCHED_OF_TASK = {
    "kind": _OTHER_TASK,
    "field": _OTHER_TASK,
    "metric": _OTHER_SCORE,
    "score_weight": _OTHER_SCORE,
}


@dataclass(frozen=True)
class Space:
    """What is searched.

    Attributes:
        base: All other settings that were given, as a file has them.
        dimensions: The settings that are searched.
    """

    base: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]

    @property
    def defaults(self) -> dict[str, Any]:
        """What the first trial takes."""
        return {own.name: own.default for own in self.dimensions}

    @property
    def size(self) -> int | None:
        """How many different trials there are; `None` where they cannot be counted."""
        sizes = [own.size for own in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def holds(self, values: Values) -> bool:
        """Whether the search could come to these values."""
        return all(own.name in values and own.holds(values[own.name]) for own in self.dimensions)

    def written(self, values: Values) -> dict[str, Any]:
        """Return settings with some values, as a file has them."""
        settings = copy.deepcopy(dict(self.base))
        for own in self.dimensions:
            if (value := values.get(own.name)) is not None:
                _put(settings, own.path, value)
        return settings

    def settings(self, values: Values) -> RunSettings:
        """Return settings with some values.

        Raises:
            SettingsError: If they do not go together.
        """
        return checked(self.written(values))


def checked(settings: Mapping[str, Any]) -> RunSettings:
    """Check settings, those of kinds of tasks included.

    Raises:
        SettingsError: If one is unknown, or not what it may be.
    """
    with settings_problem("", RunSettings):
        found = RunSettings.model_validate(settings)
    for name, task in found.tasks.items():
        options_of(name, task)
    return found


def space_of(settings: Mapping[str, Any]) -> Space:
    """Find and check the ranges in settings.

    Args:
        settings: As `polyhead.settings.merged_settings` gives them.

    Returns:
        The space; without dimensions where there is no range.

    Raises:
        SettingsError: If a setting is unknown or not what it may be, or a range is none, or stands where none may, or
            holds a value that its setting does not take.
    """
    refuse_other_tables(settings)
    base = without_ranges(settings)
    found = [parsed(path, table) for path, table in ranges_in(settings)]
    for own in found:
        _refuse(own.path)
    found = [_with_a_default(own) for own in found]
    space = Space(base, tuple(found))
    of_first = space.settings(space.defaults)
    for own in found:
        _refuse_reading(own.path, of_first)
    return replace(space, dimensions=tuple(_checked(own, space) for own in found))


def _refuse(path: Path) -> None:
    """See that a setting is one that may be searched."""
    name, last = dotted(path), path[-1]
    is_weight_of_set = len(path) == 4 and path[:2] == ("data", "sets") and last == "weight"
    why = next((why for key, why in _UNSEARCHED.items() if name == key or name.startswith(f"{key}.")), None)
    if path[0] == "tasks" and len(path) == 3:
        why = _UNSEARCHED_OF_TASK.get(last)
    if why and not is_weight_of_set:
        raise SettingsError(f"{name}: cannot be a range: {why}; give one value")


def _refuse_reading(path: Path, settings: RunSettings) -> None:
    """See that a task's setting is not one by which its field is read, since the data are read once."""
    if path[0] == "tasks" and len(path) == 3:
        kind = kind_named(settings.tasks[path[1]].kind, where=f"tasks.{path[1]}.kind")
        if path[2] in kind.Options.reading:
            raise SettingsError(f"{dotted(path)}: cannot be a range: {_OTHER_TASK}; give one value")


def _with_a_default(own: Dimension) -> Dimension:
    """Take the first choice for the default of a setting of which none else would be here."""
    if own.path == ("encoder",) and own.default is None and isinstance(own, Choices):
        return replace(own, default=own.values[0])
    return own


def _checked(own: Dimension, space: Space) -> Dimension:
    """See that the setting takes the values of its range, and find whether it counts."""
    for what, value in own.ends():
        _try(space, own, value, what)
    if isinstance(own, Numbers) and own.low == int(own.low) and own.high == int(own.high):
        own = _whole(own, space)
    if isinstance(own, Numbers) and own.default is not None and not isinstance(own.default, int | float):
        raise SettingsError(f"{own.name}: the default of a range is a number, found {own.default!r}")
    return own


def _try(space: Space, own: Dimension, value: Any, what: str) -> None:
    try:
        space.settings({**space.defaults, own.name: value})
    except SettingsError as error:
        raise SettingsError(f"{error} ({what})") from error


def _whole(own: Numbers, space: Space) -> Numbers:
    """Find whether a setting between two integers takes integers only: a number between them says so."""
    try:
        space.settings({**space.defaults, own.name: own.low + 0.5})
    except SettingsError:
        step = own.step
        if step is not None and step != int(step):
            raise SettingsError(f"{own.name}: takes integers, so its step must be one, found {step!r}") from None
        return replace(own, low=int(own.low), high=int(own.high), step=None if step is None else int(step), whole=True)
    return own


def _put(settings: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for section in path[:-1]:
        settings = settings.setdefault(section, {})
    settings[path[-1]] = value


def value_at(settings: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what stands at a place in settings; `None` where nothing does."""
    found: Any = settings
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
