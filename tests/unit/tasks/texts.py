"""Texts whose pieces a test gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyhead.encoding import Encoded, cut_windows


def encoded_of(text: str, pieces: Sequence[tuple[int, int]]) -> Encoded:
    """A text of one window, cut into just these pieces."""
    windows = cut_windows(len(pieces), capacity=max(len(pieces), 1), overlap=0)
    return Encoded(text, np.zeros(len(pieces), np.int64), tuple(pieces), windows)


def encoded_words(text: str) -> Encoded:
    """A text in which each whitespace word is one piece."""
    at, pieces = 0, []
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        pieces.append((start, at))
    return encoded_of(text, pieces)
