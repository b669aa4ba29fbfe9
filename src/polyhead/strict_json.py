"""JSON from strangers: whatever the text is, a value or one complaint."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


class JsonError(ValueError):
    """A text is no JSON, or JSON that we do not take."""


def parse_json(text: str) -> Any:
    """Read JSON as the standard has it.

    Python alone would take NaN and Infinity, and the last of several equal keys where other readers take the first;
    then what was checked is not what is used.

    Raises:
        JsonError: If it is none, nests too deep, names a key twice, or holds a number that is none.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise JsonError("it nests too deep") from error
    except JsonError:
        raise
    except ValueError as error:  # no JSON, or an integer of thousands of digits
        raise JsonError(str(error)) from error


def no_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python reads and JSON does not have."""
    raise JsonError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise JsonError(f"{text[:40]} is too large a number")
    return number


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its fields, none of which may stand there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise JsonError(f"the field {twice[:80]!r} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_constant=no_constant, parse_float=_finite, object_pairs_hook=each_once)
"""Made once: to make it takes three times as long as to read a short text."""
