from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.labels import spans_of_tags, tags_of_spans
from polyhead.records import Span
from tests.unit.labels.schemes import SCHEMES, spans_of, stretches, words, write_bio


@pytest.mark.parametrize("scheme", SCHEMES)
@given(entities=stretches())
def test_every_scheme_reads_to_the_same_spans(scheme, entities):
    count, found = entities
    assert spans_of_tags(SCHEMES[scheme](count, found), words(count)) == spans_of(found)


@given(stretches())
def test_spans_are_written_as_bio(entities):
    count, found = entities
    assert tags_of_spans(spans_of(found), words(count)) == write_bio(count, found)


@given(stretches())
def test_writing_undoes_reading(entities):
    count, found = entities
    tags = write_bio(count, found)
    assert tags_of_spans(spans_of_tags(tags, words(count)), words(count)) == tags


@pytest.mark.parametrize(
    ("tags", "places"),
    [
        (["I-A", "I-A", "I-B"], [(0, 7, "A"), (8, 11, "B")]),
        (["B-A", "B-A", "I-A"], [(0, 3, "A"), (4, 11, "A")]),
        (["B-A", "I-B", "O"], [(0, 3, "A"), (4, 7, "B")]),
        (["U-A", "I-A", "L-A"], [(0, 3, "A"), (4, 11, "A")]),
        (["L-A", "L-A", "O"], [(0, 3, "A"), (4, 7, "A")]),
        (["B-a-b", "I-a-b", "I-a"], [(0, 7, "a-b"), (8, 11, "a")]),
    ],
)
def test_broken_tags_read_in_one_way(tags, places):
    assert spans_of_tags(tags, words(3)) == tuple(Span(*place) for place in places)


def test_words_behind_the_last_tag_have_no_span():
    assert spans_of_tags(["O", "B-A"], words(5)) == (Span(4, 7, "A"),)


def test_a_unit_belongs_to_the_span_that_it_shares_a_character_with():
    units = [(0, 3), (4, 8), (8, 9), (10, 12)]
    assert tags_of_spans([Span(4, 9, "LOC")], units) == ["O", "B-LOC", "I-LOC", "O"]
    assert tags_of_spans([Span(4, 8, "LOC")], units) == ["O", "B-LOC", "O", "O"]
    assert tags_of_spans([Span(5, 6, "LOC")], units) == ["O", "B-LOC", "O", "O"]


def test_a_span_outside_all_units_is_written_nowhere():
    assert tags_of_spans([Span(3, 4, "A"), Span(4, 7, "B")], words(3)) == ["O", "B-B", "O"]


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "L-A", "U-A", "I-B", "E-B", "S-B"])))
def test_any_tags_give_spans_in_order_that_do_not_overlap(tags):
    spans = spans_of_tags(tags, words(len(tags)))
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert sum(tag == "O" for tag in tags) == sum(
        not any(span.start <= start < span.end for span in spans) for start, _ in words(len(tags))
    )
