"""Ranges in a settings file: what `polyhead tune` searches the best value in, and what nothing else takes.

    lr = { range = [1e-5, 1e-3], scale = "log" }     any number between the two; of a setting that counts, integers
    epochs = { range = [2, 10], default = 4 }        the first trial takes the default; else it leaves the setting out
    head_dropout = { range = [0.0, 0.4], step = 0.1 }
    strategy = { choices = ["joint", "alternating"] }
    freeze = { choices = ["embeddings", 2], unset = true }     leaving it out is a choice, too

A table is a range where its key ``range`` or ``choices`` is a list, which no setting's own table has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from polyhead.errors import SettingsError, name_the_known
from polyhead.settings.model import RunSettings

RANGE, CHOICES = "range", "choices"
EXAMPLE = "{ range = [1e-5, 1e-3], scale = 'log' } or { choices = ['joint', 'alternating'] }"

Path = tuple[str, ...]
"""A setting's sections and its own key."""


def dotted(path: Path) -> str:
    """Return a setting's name as messages and ``--set`` have it."""
    return ".".join(path)


def is_range(value: object) -> bool:
    """Whether a value in a settings file is a range."""
    return isinstance(value, Mapping) and any(isinstance(value.get(key), list | tuple) for key in (RANGE, CHOICES))


def ranges_in(settings: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield each range in settings, with its place."""
    for key, value in settings.items():
        if is_range(value):
            yield (*above, key), value
        elif isinstance(value, Mapping):
            yield from ranges_in(value, (*above, key))


def without_ranges(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of settings, its sections included, that leaves out whatever is a range."""
    return {
        key: without_ranges(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if not is_range(value)
    }


def refuse_ranges(settings: Mapping[str, Any], *, file: str) -> None:
    """See that settings are those of one run.

    Args:
        settings: As they were given.
        file: The settings file, for the message.

    Raises:
        SettingsError: If one is a range.
    """
    names = [dotted(path) for path, _ in ranges_in(settings)]
    if names:
        others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise SettingsError(
            f"{names[0]}: a range{others}, in which `polyhead tune {file}` searches the best value; here each setting "
            f"has one value. Search first, and take the best.toml that comes of it, or write a value"
        )


def refuse_other_tables(settings: Mapping[str, Any], above: Path = ()) -> None:
    """See that no setting of one value has a table, which can only be a range that is misspelt.

    Raises:
        SettingsError: If there is one.
    """
    for key, value in settings.items():
        path = (*above, key)
        if not isinstance(value, Mapping) or is_range(value):
            continue
        if _has_one_value(path):
            unknown = next((own for own in value if own not in (RANGE, CHOICES)), RANGE)
            raise SettingsError(
                f"{dotted(path)}: a table that is no range; wanted {EXAMPLE}, found the key {unknown!r}; "
                f"{name_the_known(unknown, (RANGE, CHOICES))}"
            )
        refuse_other_tables(value, path)


def _has_one_value(path: Path) -> bool:
    """Whether a setting is known to take no table."""
    annotation: Any = RunSettings
    for part in path:
        if _is_model(annotation):
            if part not in annotation.model_fields:
                return False  # of a kind of task, or unknown, which the check of the whole says
            annotation = annotation.model_fields[part].annotation
        else:
            tables = [own for own in (annotation, *get_args(annotation)) if getattr(own, "__origin__", None) is dict]
            if not tables:
                return False
            annotation = get_args(tables[0])[1]
    return not any(
        _is_model(own) or getattr(own, "__origin__", None) is dict for own in (annotation, *get_args(annotation))
    )


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
