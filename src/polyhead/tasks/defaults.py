"""The tasks of data that come without settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from polyhead.errors import DataError
from polyhead.settings import TaskSettings

DEFAULT_TASKS = {
    "classification": (TaskSettings(kind="single_label", field="label"),),
    "labels": (TaskSettings(kind="multi_label", field="labels"),),
    "ner": (TaskSettings(kind="tagging", field="ner_tags"), TaskSettings(kind="tagging", field="entities")),
}
"""The tasks of data that come without settings: each as the first of its ways of which the data have the field."""


def ways_for(fields: Collection[str]) -> dict[str, TaskSettings]:
    """Return all default tasks, each by the first of its fields that there is."""
    return {
        name: next((task for task in ways if task.field in fields), ways[0]) for name, ways in DEFAULT_TASKS.items()
    }


def default_tasks(fields: Collection[str], paths: Sequence[Path]) -> dict[str, TaskSettings]:
    """Find the default tasks whose fields the data have.

    Args:
        fields: The fields of the records.
        paths: The files, for the message.

    Raises:
        DataError: If there is none.
    """
    found = {name: task for name, task in ways_for(fields).items() if task.field in fields}
    if not found:
        raise DataError(
            f"{', '.join(map(str, paths))}: no field 'label', 'labels', 'ner_tags' or 'entities', so there is no task; "
            f"the records have {', '.join(map(repr, sorted(fields)))}. Name tasks and fields "
            "in a settings file: [tasks.NAME] with kind and field"
        )
    return found
