"""Texts a chunk at a time: what goes through the network, or to another process, together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polyhead.records import Text

TEXTS_AT_ONCE = 2048
"""Texts among which rows are sorted by length; what a stream holds at most."""
CHARACTERS_AT_ONCE = 400_000
"""The same in characters: answers are held until all before them are there."""
_SMALLEST = 4
"""The first chunk is this much smaller, and each twice the one before it: until it is cut into pieces, nothing runs."""


def chunks_of(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield texts, few at first, then some two thousand at a time.

    Raises:
        TypeError: If `texts` is a single string.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, found one string; write predictor([text])")
    chunk: list[Text] = []
    characters, share = 0, _SMALLEST
    try:
        for text in texts:
            chunk.append(text)
            characters += len(text) if isinstance(text, str) else sum(map(len, text))
            if len(chunk) >= TEXTS_AT_ONCE // share or characters >= CHARACTERS_AT_ONCE // share:
                yield chunk
                chunk, characters, share = [], 0, max(1, share // 2)
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
