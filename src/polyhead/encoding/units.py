"""Units: what a tagging head labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from polyhead.labels.tags import Extent
from polyhead.labels.words import words_of

UnitKind = Literal["whitespace", "pretokenizer"]
"""``whitespace``: the words that `str.split` gives. ``pretokenizer``: words with punctuation and ideographs apart."""

UNIT_KINDS: tuple[str, ...] = get_args(UnitKind)


@dataclass(frozen=True)
class Units:
    """The units of one text.

    Attributes:
        extents: Start and end character of each unit; ``text[start:end]`` is its surface.
        first_piece: Shape (units,): the first piece of each unit, -1 where the tokenizer left nothing of it
            (a lone control character, say). The tag of a unit is read at its first piece.
        surfaces: The text of each unit.
        complete: Whether the tokenizer left something of each unit.
    """

    extents: tuple[Extent, ...]
    first_piece: NDArray[np.int64]
    surfaces: tuple[str, ...]
    complete: bool

    def __len__(self) -> int:
        return len(self.extents)


def find_units(kind: UnitKind, text: str, pieces: Sequence[Extent]) -> Units:
    """Find a text's units and the first piece of each.

    Args:
        kind: Which units.
        text: The text.
        pieces: Start and end character of each piece.
    """
    if kind == "whitespace" and (found := _words_of_pieces(text, pieces)) is not None:
        return found
    extents = words_of(text)
    if kind == "pretokenizer":
        apart = [part for start, end in extents for part in _apart(text, start, end)]
        extents = _join_where_pieces_span(apart, text, pieces)
    first = _first_pieces(extents, text, pieces)
    return Units(tuple(extents), first, tuple(surfaces(text, extents)), complete=bool((first >= 0).all()))


def _words_of_pieces(text: str, pieces: Sequence[Extent]) -> Units | None:
    """Return the whitespace words of a text of which pieces leave out nothing but whitespace, as is usual.

    Runs of pieces that touch each other are its words where they are as many, and have the surfaces of all words: then
    they cover as many characters as there are beside whitespace. Looking at pieces once is faster than searching the
    text for words, and these for their pieces. `None` elsewhere.
    """
    starts, ends, first = [], [], []
    stop = -1
    for piece, (start, end) in enumerate(pieces):
        if start != stop:
            if end == start or start < stop:
                return None
            starts.append(start)
            ends.append(stop)
            first.append(piece)
        stop = end
    ends.append(stop)
    extents = tuple(zip(starts, ends[1:], strict=True))
    words = text.split()
    if [text[start:end] for start, end in extents] != words:
        return None
    return Units(extents, np.array(first, dtype=np.int64), tuple(words), complete=True)


def _character_class(character: str) -> str:
    """Return a class; neighbours of one class stay together, except in the classes that stand alone."""
    category = unicodedata.category(character)
    if category[0] in "PS":
        return "alone"
    if "IDEOGRAPH" in unicodedata.name(character, ""):
        return "alone"
    return "word"


def _apart(text: str, start: int, end: int) -> list[Extent]:
    parts: list[Extent] = []
    before = "alone"
    for at in range(start, end):
        character = text[at]
        joins = unicodedata.category(character)[0] == "M" or character == "\u200d" or text[at - 1] == "\u200d"
        now = before if joins and parts else _character_class(character)
        if parts and (joins or (now == before == "word")):
            parts[-1] = (parts[-1][0], at + 1)
        else:
            parts.append((at, at + 1))
        before = now
    return parts


def _join_where_pieces_span(parts: list[Extent], text: str, pieces: Sequence[Extent]) -> list[Extent]:
    """Join parts that one piece covers together: the head has one state for them."""
    if not parts:
        return parts
    owner = _unit_of_character(parts, len(text))
    joined_to_next = [False] * len(parts)
    for start, end in pieces:
        inside = owner[start:end]
        inside = inside[inside >= 0]
        for left in range(int(inside.min()), int(inside.max())) if len(inside) else ():
            joined_to_next[left] = True
    joined: list[Extent] = []
    for (start, end), with_before in zip(parts, [False, *joined_to_next[:-1]], strict=True):
        if with_before and text[joined[-1][0] : start].strip() == text[joined[-1][0] : start]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _unit_of_character(extents: Sequence[Extent], length: int) -> NDArray[np.int64]:
    owner = np.full(length + 1, -1, dtype=np.int64)
    for index, (start, end) in enumerate(extents):
        owner[start:end] = index
    return owner


def _first_pieces(extents: Sequence[Extent], text: str, pieces: Sequence[Extent]) -> NDArray[np.int64]:
    """Find the first piece that begins in each unit; a blank at a piece's front does not count as its beginning."""
    first = np.full(len(extents), -1, dtype=np.int64)
    ends = iter(enumerate(extents))
    unit, (start, end) = next(ends, (-1, (0, 0)))
    for piece, (piece_start, piece_end) in enumerate(pieces):
        begin = piece_end - len(text[piece_start:piece_end].lstrip())
        if begin >= piece_end:
            continue
        while unit >= 0 and end <= begin:
            unit, (start, end) = next(ends, (-1, (0, 0)))
        if unit >= 0 and start <= begin and first[unit] < 0:
            first[unit] = piece
    return first


def surfaces(text: str, extents: Sequence[Extent]) -> list[str]:
    """Return the surface of each extent."""
    return [text[start:end] for start, end in extents]
