from hypothesis import given
from hypothesis import strategies as st

from polyhead.records import Record, Source, Span, Spans


def test_a_source_reads_as_file_and_line():
    assert str(Source("data/a.json", 7)) == "data/a.json:7"


def test_all_is_kept_where_the_whole_text_is_known():
    spans = (Span(0, 2, "A"), Span(5, 9, "B"))
    assert Spans(()).clipped(spans) == spans


def test_what_reaches_into_the_unknown_is_cut_and_what_lies_there_is_dropped():
    spans = (Span(0, 2, "A"), Span(5, 9, "B"), Span(7, 9, "C"))
    assert Spans((), known_to=7).clipped(spans) == (Span(0, 2, "A"), Span(5, 7, "B"))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5))), st.integers(0, 25))
def test_clipped_spans_lie_in_the_known_part(places, known_to):
    spans = tuple(Span(start, start + size, "A") for start, size in places)
    assert all(span.start < span.end <= known_to for span in Spans((), known_to=known_to).clipped(spans))


def test_a_second_text_is_read_together_with_the_first():
    assert Record("a").texts == "a"
    assert Record("a", second="b").texts == ("a", "b")
    assert Record("a", second="").texts == ("a", "")
