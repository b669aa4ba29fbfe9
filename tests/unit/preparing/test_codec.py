"""Records to lines and back: what comes back is what went in, types included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.preparing.codec import CannotStoreError, annotation_of, record_line, record_of
from polyhead.records import Record, Source, Span, Spans

texts = st.text(st.characters(codec="utf-8"))
numbers = st.integers() | st.floats(allow_nan=False)
plain = st.none() | st.booleans() | numbers | texts
spans = st.builds(Span, st.integers(0), st.integers(0), texts)
hashable = st.recursive(
    plain | spans, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5
)
annotations = st.recursive(
    hashable | st.builds(Spans, st.lists(spans).map(tuple), st.none() | st.integers(0)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hashable, inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)
records = st.builds(
    Record,
    texts,
    st.dictionaries(texts, annotations, max_size=3),
    st.none() | st.builds(Source, st.just("a b.json"), st.integers(1)),
    st.none() | texts,
)


def typed(value: Any) -> Any:
    """Return a value with the types of all its parts, by which 1, 1.0 and True are told apart."""
    if isinstance(value, dict):
        return dict, {repr(typed(key)): typed(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return frozenset, sorted(repr(typed(inner)) for inner in value)
    if isinstance(value, Spans):
        return Spans, typed(value.spans), typed(value.known_to)
    if isinstance(value, Span):
        return Span, typed((value.start, value.end, value.label))
    if isinstance(value, list | tuple):
        return type(value), [typed(inner) for inner in value]
    return type(value), repr(value)


@given(records)
def test_a_record_comes_back(record: Record) -> None:
    line = record_line(record, 1)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    back = record_of(line, ["other", "a b.json"])
    assert back == record
    assert typed(dict(back.annotations)) == typed(dict(record.annotations))
    for name in record.annotations:
        assert typed(annotation_of(line, name)) == typed(record.annotations[name])


def test_half_a_surrogate_pair_and_numbers_that_are_none_come_back() -> None:
    record = Record("a\ud800b", {"x": [float("inf"), -0.0, 10**400]}, None, "\udfff")
    assert record_of(record_line(record, 0), [""]) == record
    (number,) = record_of(record_line(Record("a", {"x": [float("nan")]}), 0), [""]).annotations["x"]
    assert number != number


@pytest.mark.parametrize("one", [True, False])
def test_a_set_makes_the_same_line_in_every_process(one: bool) -> None:
    labels = ["b", "a", 3, "c"] if one else ["c", 3, "a", "b"]
    line = record_line(Record("t", {"x": frozenset(labels)}), 0)
    assert line == b'["t",null,0,0,{"x":{"f":["a","b","c",3]}}]\n'


@dataclass(frozen=True)
class Outside:
    """An annotation of another package."""

    stars: int


class Level(int):
    pass


@pytest.mark.parametrize(
    "value",
    [
        *(Outside(3), Level(3), np.int64(3), np.array([3]), {3}, b"3", [Outside(3)], {"a": Level(1)}, (3, {4})),
        *(Span(np.int64(0), 1, "x"), Spans((Span(0, Level(1), "x"),)), Spans([Span(0, 1, "x")]), Spans((), Level(2))),
    ],
)
def test_what_would_come_back_as_something_else_is_not_stored(value: Any) -> None:
    with pytest.raises(CannotStoreError):
        record_line(Record("t", {"x": value}), 0)
