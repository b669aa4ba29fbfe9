"""What the beginning of a file of JSON tells of it, though it be cut off anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+')


def keys_of(head: str) -> dict[str, str]:
    """Find the keys of an object, or of the first in an array, with how the value of each begins.

    Args:
        head: The beginning of a file.

    Returns:
        By key, the character or word that its value begins with: ``{``, ``[``, ``true``, or the string as it is
        written; empty where there is no object.
    """
    pieces = _PIECE.finditer(head)
    first = next(pieces, None)
    if first is not None and first[0] == "[":
        first = next(pieces, None)
    if first is None or first[0] != "{":
        return {}
    found: dict[str, str] = {}
    for key, value in _of_first_level(match[0] for match in pieces):
        found.setdefault(key, value)
    return found


def _of_first_level(pieces: Iterator[str]) -> Iterator[tuple[str, str]]:
    depth, key = 1, ""
    for piece, following in pairwise(pieces):
        if depth == 1 and following == ":" and piece.startswith('"'):
            key = _unquoted(piece)
        elif depth == 1 and piece == ":":
            yield key, following
        depth += (piece in "[{") - (piece in "]}")
        if depth == 0:
            return


def _unquoted(piece: str) -> str:
    try:
        return str(json.loads(piece))
    except ValueError:
        return piece[1:-1]
