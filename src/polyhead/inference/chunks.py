"""Texts a chunk at a time: what goes through the network, or to another process, together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polyhead.records import Text

TEXTS_AT_ONCE = 2048
"""Texts among which rows are sorted by length; what a stream holds at most."""
CHARACTERS_AT_ONCE = 100_000
"""The same in characters: logits of every piece are held until a text is whole, and only then the next are begun."""


def chunks_of(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield texts, some two thousand at a time.

    Raises:
        TypeError: If `texts` is a single string.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, found one string; write predictor([text])")
    chunk: list[Text] = []
    characters = 0
    try:
        for text in texts:
            chunk.append(text)
            characters += len(text) if isinstance(text, str) else sum(map(len, text))
            if len(chunk) == TEXTS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
                yield chunk
                chunk, characters = [], 0
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
