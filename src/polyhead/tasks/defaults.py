"""The tasks of data that come without settings."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from polyhead.errors import DataError
from polyhead.settings import TaskSettings

DEFAULT_TASKS = {
    "classification": TaskSettings(kind="single_label", field="label"),
    "ner": TaskSettings(kind="tagging", field="ner_tags"),
}
"""The tasks of data that come without settings, as far as the data have their fields."""


def default_tasks(fields: Collection[str], paths: Iterable[object]) -> dict[str, TaskSettings]:
    """Return the default tasks whose fields the data have.

    Args:
        fields: The fields of the data.
        paths: Their files, for the message.

    Raises:
        DataError: If there is no field of any of them.
    """
    found = {name: task for name, task in DEFAULT_TASKS.items() if task.field in fields}
    if not found:
        raise DataError(
            f"{', '.join(map(str, paths))}: no field 'label' or 'ner_tags', so there is no task; the records have "
            f"{', '.join(map(repr, sorted(fields)))}. Name tasks and fields in a settings file: [tasks.NAME] with "
            f"kind and field"
        )
    return found
