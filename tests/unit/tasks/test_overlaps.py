from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from polyhead.records import Span
from polyhead.tasks.entities import Entity
from polyhead.tasks.overlaps import settle, side_by_side


def entity(start, width, label, score):
    return Entity(Span(start, start + width, label), "x" * width, score / 10)


entities = st.lists(
    st.builds(entity, st.integers(0, 8), st.integers(1, 5), st.sampled_from("AB"), st.integers(1, 9)),
    max_size=9,
    unique_by=lambda found: found.span,
)


def share(one, other):
    return bool(set(range(one.start, one.end)) & set(range(other.start, other.end)))


def contains(one, other):
    return set(range(other.start, other.end)) <= set(range(one.start, one.end))


def cross(one, other):
    return share(one, other) and not contains(one, other) and not contains(other, one)


CLASHES = {"any": lambda one, other: False, "nested": cross, "none": share}


@given(entities, st.sampled_from(sorted(CLASHES)))
def test_what_stays_may_stand_together_and_what_goes_met_something_more_probable(found, overlap):
    kept, clash = settle(found, overlap), CLASHES[overlap]
    assert set(kept) <= set(found)
    assert [one.span for one in kept] == sorted(one.span for one in kept)
    assert not any(clash(one.span, other.span) for one in kept for other in kept if one is not other)
    for gone in set(found) - set(kept):
        assert any(clash(gone.span, other.span) and other.score >= gone.score for other in kept)


@given(entities, st.sampled_from(sorted(CLASHES)), st.randoms())
def test_the_order_in_which_they_were_found_changes_nothing(found, overlap, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert settle(shuffled, overlap) == settle(found, overlap)


@given(entities)
def test_what_is_drawn_stands_side_by_side_and_what_is_not_is_in_its_way(found):
    drawn = side_by_side(found)
    for before, after in pairwise(drawn):
        assert before.end <= after.start
    for one in found:
        assert one.span in drawn or any(share(one.span, other) for other in drawn)


def test_of_those_that_begin_together_the_widest_is_drawn_and_of_one_place_the_more_probable():
    found = [entity(0, 2, "A", 9), entity(0, 4, "A", 5), entity(0, 4, "B", 6), entity(3, 3, "A", 9)]
    assert side_by_side(found) == (Span(0, 4, "B"),)
