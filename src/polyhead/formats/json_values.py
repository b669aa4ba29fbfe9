"""Strict JSON: what Python's parser lets pass and we do not, and where an error stood."""

from __future__ import annotations

import json
from typing import Any

from polyhead.errors import DataError
from polyhead.records import Source
from polyhead.strict_json import each_once, no_constant

DECODER = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=each_once)


def explain(error: Exception, source: Source, column: int = 0) -> DataError:
    """Turn what the JSON parser raised into an error that says where.

    Args:
        error: What was raised while one value was parsed.
        source: Where that value began.
        column: Characters before it on its line.
    """
    if isinstance(error, json.JSONDecodeError):
        place = Source(source.path, source.line + error.lineno - 1)
        character = error.colno + (column if error.lineno == 1 else 0)
        return DataError(f"{place}: not valid JSON: {error.msg}, at character {character} of the line")
    if isinstance(error, RecursionError):
        return DataError(f"{source}: not usable JSON: nested too deeply")
    return DataError(f"{source}: not usable JSON: {error}")


def as_object(value: object, source: Source) -> dict[str, Any]:
    """Return the value, which must be an object.

    Raises:
        DataError: If it is something else.
    """
    if isinstance(value, dict):
        return value
    raise DataError(
        f'{source}: a record must be a JSON object such as {{"sentence": "...", "label": 1}}, found {json_type(value)}'
    )


def json_type(value: object) -> str:
    """Name a value's JSON type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names: dict[type, str] = {int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
