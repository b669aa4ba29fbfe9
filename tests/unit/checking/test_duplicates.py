"""Equal texts, and what contradicts itself in them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyhead.checking.duplicates import conflicts_of, digest_of, groups_of, twins_of
from polyhead.records import Record, Source, Span, Spans, text_key
from polyhead.settings import TaskSettings
from polyhead.tasks import kind_named, options_of

TEXTS = st.lists(st.sampled_from(["a b", "A  b", "a B ", "ab", "Straße", "STRASSE", "x"]), max_size=12)


def task_of(kind: str, *annotations: object):
    settings = TaskSettings(kind=kind, field="f")
    options = options_of("t", settings)
    return kind_named(kind, where="t").learn(name="t", field="f", weight=1.0, options=options, annotations=annotations)


@given(TEXTS)
def test_groups_are_of_texts_that_differ_in_case_and_white_space_only(texts: list[str]) -> None:
    first = groups_of(b"".join(map(digest_of, texts)))
    keys = [text_key(text) for text in texts]
    assert first.tolist() == [keys.index(key) for key in keys]


def test_second_texts_count() -> None:
    assert digest_of(("a", "b")) != digest_of(("b", "a"))
    assert digest_of(("a", "b")) != digest_of("a b")
    assert digest_of(("A", "b")) == digest_of(("a", "B "))


def test_twins_know_whether_they_cross_splits() -> None:
    first = np.array([0, 0, 2, 0, 2])
    split_of = np.array([0, 0, 1, 1, 2], dtype=np.uint8)
    assert [(own.record, own.other, own.across) for own in twins_of(first, split_of)] == [
        (1, 0, False),
        (3, 0, True),
        (4, 2, True),
    ]


def conflicts(task, *pairs: tuple[str, object]):
    records = [
        Record(text, {} if annotation is None else {"t": annotation}, Source("f", at))
        for at, (text, annotation) in enumerate(pairs, start=1)
    ]
    first = groups_of(b"".join(digest_of(record.texts) for record in records))
    return [(own.record, own.other, own.given, own.others) for own in conflicts_of(records, first, [task])]


def test_each_record_that_differs_is_told_with_what_it_differs_from() -> None:
    task = task_of("single_label", "x", "y")
    found = conflicts(task, ("a", "x"), ("b", "x"), ("A", "y"), ("a ", "x"), ("b", "x"), ("a", None))
    assert found == [(0, 2, "x", "y"), (2, 0, "y", "x"), (3, 2, "x", "y")]


def test_entities_are_compared_by_words_where_white_space_differs() -> None:
    task = task_of("tagging", Spans((Span(2, 3, "L"),)))
    assert conflicts(task, ("a b", Spans((Span(2, 3, "L"),))), ("a  b", Spans((Span(3, 4, "L"),)))) == []
    assert len(conflicts(task, ("a b", Spans((Span(2, 3, "L"),))), ("a  b", Spans((Span(0, 1, "L"),))))) == 2


def test_many_records_of_one_text_are_quick() -> None:
    """A text that stands there ten thousand times is not compared with itself a hundred million times."""
    task = task_of("single_label", "x", "y")
    found = conflicts(task, *[("a", "x")] * 9999, ("a", "y"))
    assert len(found) == 10_000
