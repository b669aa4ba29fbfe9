"""The words of a text that tags are given to."""

from __future__ import annotations

import re

from polyhead.labels.tags import Extent

_WORD = re.compile(r"\S+")


def words_of(text: str) -> list[Extent]:
    """Find start and end of each whitespace word, the words being those of `str.split`."""
    return [match.span() for match in _WORD.finditer(text)]
