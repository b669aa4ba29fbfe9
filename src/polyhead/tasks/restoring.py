"""What a bundle's JSON says of a task, checked: it may come from anyone."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Sequence
from typing import Any

from polyhead.labels import LabelSet

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
_MOST_LABELS = 100_000
_MOST_TYPES = 2_000
"""Types have a table of which tag may follow which."""


def name_of(value: Any) -> str:
    """Return a task's name.

    Raises:
        ValueError: If it is none: letters, digits, ``_`` and ``-``.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{reprlib.repr(value)} is no name of a task: letters, digits, '_' and '-'")
    return value


def text_of(value: Any) -> str:
    """Return a text.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"a text is wanted, found {reprlib.repr(value)}")  # noqa: TRY004
    return value


def labels_of(values: Any) -> LabelSet:
    """Return classes.

    Raises:
        ValueError: If they are none: texts and whole numbers, each once.
    """
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_LABELS:
        raise ValueError(f"labels are a list of 1 to {_MOST_LABELS:,}, found {reprlib.repr(values)}")
    if not all(type(value) in {str, int} for value in values) or len(set(values)) < len(values):
        raise ValueError("labels are texts and whole numbers, each once")
    return LabelSet(tuple(values))


def types_of(values: Any) -> LabelSet:
    """Return entity types.

    Raises:
        ValueError: If they are none: texts, each once.
    """
    types = labels_of(values)
    if len(types) > _MOST_TYPES or not all(isinstance(value, str) and value for value in types):
        raise ValueError(f"entity types are texts, {_MOST_TYPES:,} at most, found {len(types):,}")
    return types


def number_of(value: Any) -> float:
    """Return a number.

    Raises:
        ValueError: If it is none.
    """
    if type(value) not in {int, float} or not math.isfinite(value) or abs(value) > 1e100:
        raise ValueError(f"a number is wanted, found {reprlib.repr(value)}")
    return float(value)


def numbers_of(values: Any, *, counts: Sequence[int]) -> tuple[float, ...]:
    """Return numbers, 0 or above.

    Args:
        values: What was found.
        counts: How many there may be.

    Raises:
        ValueError: If there are more or less, or others.
    """
    if not isinstance(values, list) or len(values) not in counts:
        raise ValueError(f"a list of {' or '.join(map(str, counts))} numbers is wanted, found {reprlib.repr(values)}")
    if any(number_of(value) < 0 for value in values):
        raise ValueError(f"numbers from 0 on are wanted, found {reprlib.repr(values)}")
    return tuple(values)
