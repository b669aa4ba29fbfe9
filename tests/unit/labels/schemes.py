"""Entities over words, and how each scheme writes them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from polyhead.records import Span

Stretch = tuple[int, int, str]
"""First word, one past the last word, type."""


def words(count: int) -> list[tuple[int, int]]:
    """Words of three letters with a blank between."""
    return [(4 * index, 4 * index + 3) for index in range(count)]


@st.composite
def stretches(draw: st.DrawFn, types: tuple[str, ...] = ("PER", "LOC", "creative-work")) -> tuple[int, list[Stretch]]:
    """A number of words, and entities over them that do not overlap, neighbours of one type included."""
    found: list[Stretch] = []
    at = 0
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(types)), max_size=6)
    ):
        found.append((at + gap, at + gap + size, label))
        at += gap + size
    return at + draw(st.integers(0, 3)), found


def spans_of(found: list[Stretch]) -> tuple[Span, ...]:
    """The entities as spans over `words`."""
    return tuple(Span(4 * first, 4 * last - 1, label) for first, last, label in found)


def write_bio(count: int, found: list[Stretch]) -> list[str]:
    return _write(count, found, begin="B", inside="I", last="I", single="B")


def write_bilou(count: int, found: list[Stretch]) -> list[str]:
    return _write(count, found, begin="B", inside="I", last="L", single="U")


def write_bioes(count: int, found: list[Stretch]) -> list[str]:
    return _write(count, found, begin="B", inside="I", last="E", single="S")


def write_iob1(count: int, found: list[Stretch]) -> list[str]:
    """IOB1: B only where an entity follows one of its type at once."""
    tags = _write(count, found, begin="I", inside="I", last="I", single="I")
    for (_, end, before), (start, _, label) in pairwise(found):
        if end == start and before == label:
            tags[start] = f"B-{label}"
    return tags


SCHEMES = {"IOB1": write_iob1, "BIO": write_bio, "BILOU": write_bilou, "BIOES": write_bioes}


def _write(count: int, found: list[Stretch], *, begin: str, inside: str, last: str, single: str) -> list[str]:
    tags = ["O"] * count
    for start, end, label in found:
        prefixes = [begin, *[inside] * (end - start - 2), last] if end - start > 1 else [single]
        tags[start:end] = [f"{prefix}-{label}" for prefix in prefixes]
    return tags
