"""The kinds there are, and tasks from settings and from bundles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyhead.errors import BundleError, SettingsError, name_the_known
from polyhead.settings import TaskSettings, settings_problem
from polyhead.tasks.base import Task
from polyhead.tasks.single_label import SingleLabel
from polyhead.tasks.tagging import Tagging

KINDS: dict[str, type[Task]] = {kind.kind: kind for kind in (SingleLabel, Tagging)}


def kind_named(name: str, *, where: str) -> type[Task]:
    """Find a kind.

    Args:
        name: Its name.
        where: The setting that names it, for the message.

    Raises:
        SettingsError: If there is none of that name.
    """
    if name not in KINDS:
        raise SettingsError(f"{where}: no kind of task is called {name!r}; {name_the_known(name, KINDS)}")
    return KINDS[name]


def options_of(name: str, settings: TaskSettings) -> dict[str, Any]:
    """Check the settings that a task's kind adds to the common ones, and fill in their defaults.

    Raises:
        SettingsError: If the kind is unknown, or an option is, or has a value it cannot have.
    """
    kind = kind_named(settings.kind, where=f"tasks.{name}.kind")
    known = [*TaskSettings.model_fields, *kind.Options.model_fields]
    with settings_problem(f"tasks.{name}", known):
        return kind.Options(**(settings.model_extra or {})).model_dump()


def task_state(task: Task) -> dict[str, Any]:
    """Return a task as JSON."""
    return {"name": task.name, "kind": task.kind, "field": task.field, "weight": task.weight, **task.state()}


def restore_task(state: Mapping[str, Any]) -> Task:
    """Make a task from `task_state`'s JSON.

    Raises:
        BundleError: If the JSON is not of a task.
    """
    rest = dict(state)
    try:
        common = {key: rest.pop(key) for key in ("name", "field", "weight")}
        kind = rest.pop("kind")
        if kind not in KINDS:
            raise BundleError(f"the model has a task of the kind {kind!r}, which this version lacks; update polyhead")
        return KINDS[kind].restore(**common, state=rest)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the model's description of a task cannot be read: {error!r}") from error
