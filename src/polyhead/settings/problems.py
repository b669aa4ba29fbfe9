"""Validation errors to messages that name the setting, the rule, what was found, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from polyhead.errors import SettingsError, did_you_mean, name_the_known


@contextmanager
def settings_problem(where: str, known: Iterable[str] | type[BaseModel]) -> Iterator[None]:
    """Turn a validation error raised inside into a `SettingsError`.

    Args:
        where: The section that is checked, such as ``tasks.intent``; "" for the whole file.
        known: The keys there are, or the model that has them.
    """
    try:
        yield
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem, where, known) for problem in error.errors())) from error


def _explain(problem: Mapping[str, Any], where: str, known: Iterable[str] | type[BaseModel]) -> str:
    path = [str(part) for part in problem["loc"]]
    if len(path) > 1 and _is_branch(path[-1]):
        del path[-1]
    name = ".".join([*([where] if where else []), *path])
    if problem["type"] == "extra_forbidden":
        names = _keys_at(known, path[:-1]) if isinstance(known, type) else known
        return f"{name}: no such setting; {name_the_known(path[-1], names)}"
    if problem["type"] == "missing":
        return f"{name}: must be given"
    message = problem["msg"].removeprefix("Value error, ")
    found = problem["input"]
    close = did_you_mean(found, _options(problem)) if isinstance(found, str) else ""
    return f"{name}: {message[0].lower()}{message[1:]}, found {found!r}{close}"


def _options(problem: Mapping[str, Any]) -> list[str]:
    """Return the values that a setting with a fixed choice takes."""
    return re.findall(r"'([^']*)'", problem["ctx"]["expected"]) if problem["type"] == "literal_error" else []


def _is_branch(part: str) -> bool:
    """Whether a part of a location names a branch of a union rather than a key."""
    return "[" in part or part.removeprefix("constrained-") in {"int", "float", "str"}


def _keys_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """Return the keys of a section; a section by a name of the user's stands in a mapping."""
    annotation: Any = model
    for part in path:
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif part in annotation.model_fields:
            annotation = annotation.model_fields[part].annotation
        if not (get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel))):
            return []
    return list(annotation.model_fields)
