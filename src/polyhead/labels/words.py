"""The words of a text that tags are given to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from polyhead.labels.tags import Extent

Value = TypeVar("Value")

_WORD = re.compile(r"\S+")


def words_of(text: str) -> list[Extent]:
    """Find start and end of each whitespace word, the words being those of `str.split`."""
    return [match.span() for match in _WORD.finditer(text)]


def beside_words(values: Sequence[Value], text: str) -> tuple[Sequence[Value], list[Extent]]:
    """Put values, one a word, beside the words of a text.

    Whoever splits a text at each blank makes an empty word between two of them, and gives it a value. Where values are
    as many as such words, those of empty ones are left out.

    Returns:
        The values that are left, and all words of the text; more values than words where they do not belong together.
    """
    words = words_of(text)
    if len(values) > len(words) and len(parts := text.split(" ")) == len(values):
        kept = [value for value, part in zip(values, parts, strict=True) if part.strip()]
        if len(kept) == len(words):
            return kept, words
    return values, words
