"""The kinds there are, ours and those of other packages; tasks from settings and from bundles."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from polyhead.errors import BundleError, PolyheadError, SettingsError, name_the_known
from polyhead.settings import TaskSettings, settings_problem
from polyhead.tasks.base import Task, TaskOptions
from polyhead.tasks.multi_label import MultiLabel
from polyhead.tasks.regression import Regression
from polyhead.tasks.restoring import name_of, number_of, text_of
from polyhead.tasks.single_label import SingleLabel
from polyhead.tasks.spans import SpanClassification
from polyhead.tasks.tagging import Tagging
from polyhead.tasks.token_label import TokenLabel

KINDS: dict[str, type[Task]] = {
    kind.kind: kind for kind in (SingleLabel, MultiLabel, Tagging, TokenLabel, SpanClassification, Regression)
}
"""Our own kinds."""

ENTRY_POINTS = "polyhead.kinds"
"""The group of entry points under which another package names its kinds."""


@cache
def known_kinds() -> dict[str, type[Task]]:
    """Return our kinds and those that installed packages add, by name.

    Raises:
        PolyheadError: If a package names something else, or takes a name that there is already.
    """
    kinds = dict(KINDS)
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            kind = entry.load()
        except Exception as error:
            raise PolyheadError(
                f"the entry point {entry.name!r} of {ENTRY_POINTS!r} cannot be loaded: {error}"
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, Task)) or kind.kind != entry.name:
            raise PolyheadError(
                f"the entry point {entry.name!r} of {ENTRY_POINTS!r} must name a subclass of polyhead.tasks.Task whose "
                f"kind is {entry.name!r}, found {kind!r}"
            )
        if entry.name in kinds:
            raise PolyheadError(f"two packages have a kind of task called {entry.name!r}; remove one of them")
        kinds[entry.name] = kind
    return kinds


def kind_named(name: str, *, where: str) -> type[Task]:
    """Find a kind.

    Args:
        name: Its name.
        where: The setting that names it, for the message.

    Raises:
        SettingsError: If there is none of that name.
    """
    kinds = known_kinds()
    if name not in kinds:
        raise SettingsError(f"{where}: no kind of task is called {name!r}; {name_the_known(name, kinds)}")
    return kinds[name]


def options_of(name: str, settings: TaskSettings) -> TaskOptions:
    """Check a task's settings: its kind, its metric, and the settings that its kind adds to the common ones.

    Raises:
        SettingsError: If kind or metric is unknown, or an option is, or has a value it cannot have.
    """
    kind = kind_named(settings.kind, where=f"tasks.{name}.kind")
    if settings.metric is not None and settings.metric not in kind.metrics:
        known = name_the_known(settings.metric, kind.metrics)
        raise SettingsError(f"tasks.{name}.metric: {kind.kind} has no metric {settings.metric!r}; {known}")
    known_settings = [*TaskSettings.model_fields, *kind.Options.model_fields]
    with settings_problem(f"tasks.{name}", known_settings):
        return kind.Options(**(settings.model_extra or {}))


def task_state(task: Task) -> dict[str, Any]:
    """Return a task as JSON."""
    common = {"name": task.name, "kind": task.kind, "field": task.field, "weight": task.weight}
    return {**common, "options": task.options.model_dump(mode="json"), **task.state()}


def restore_task(state: Mapping[str, Any]) -> Task:
    """Make a task from `task_state`'s JSON.

    Raises:
        BundleError: If the JSON is not of a task.
    """
    rest = dict(state)
    try:
        common = (name_of(rest.pop("name")), text_of(rest.pop("field")), number_of(rest.pop("weight")))
        name = rest.pop("kind")
        kind = known_kinds().get(text_of(name))
        if kind is None:
            raise BundleError(
                f"the model has a task of the kind {reprlib.repr(name)}, which is not known here; update polyhead, or "
                f"install the package that adds it; {name_the_known(name, known_kinds())}"
            )
        options = kind.Options(**rest.pop("options"))
        return kind.restore(name=common[0], field=common[1], weight=common[2], options=options, state=rest)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise BundleError(f"the model's description of a task cannot be read: {repr(error)[:1000]}") from error
