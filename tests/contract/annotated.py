"""Annotated texts of every sort, for tests of what formats hold."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from polyhead.formats import Annotated, Holds, fitted
from polyhead.records import Span, Spans

_CHARACTERS = st.one_of(
    st.sampled_from(list("abc XY.,:;!?-_'\"()[]{}<>|\\/#&*%=+~`@$^0189\t")),
    st.sampled_from(
        ["\n", "\u00a0", "\u200b", "\u2028", "é", "\u0301", "ß", "中", "文", "م", "😀", "\ufeff", "\ufffd"]
    ),
)
texts = st.text(_CHARACTERS, min_size=1, max_size=40).filter(lambda text: text.strip() != "")
names = st.one_of(
    st.sampled_from(["PER", "creative-work", "a#b", "B-X", "O", "weather/find", "10", "día", "two words", "-", ":"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6),
)
labels = st.one_of(names, st.integers(-3, 10**12))


@st.composite
def spans_of(draw, text: str) -> Spans:
    """Entities at any places of a text, as they may be: no blank at their ends."""
    found = set()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        surface = text[start:end]
        if surface.strip():
            start += len(surface) - len(surface.lstrip())
            found.add(Span(start, start + len(surface.strip()), draw(names)))
    return Spans(tuple(sorted(found)))


rests = st.dictionaries(
    st.sampled_from(["id", "source", "größe", "meta"]),
    st.one_of(st.integers(-(10**12), 10**12), st.booleans(), names, st.lists(names, max_size=2)),
    max_size=2,
)


@st.composite
def records(draw) -> Annotated:
    """A text with what may be known of it."""
    text = draw(texts)
    return Annotated(
        text,
        draw(st.none() | labels),
        draw(st.none() | st.lists(labels, max_size=3, unique_by=str).map(tuple)),
        draw(st.none() | spans_of(text)),
        draw(rests),
    )


def records_for(holds: Holds) -> st.SearchStrategy[Annotated]:
    """Records of which a format can hold all."""
    fitting = records().map(lambda record: fitted(record, holds, lambda loss: None))
    return fitting.filter(lambda record: record is not None)


def bare(record: Annotated) -> Annotated:
    """The record without its place."""
    return dataclasses.replace(record, source=None)
