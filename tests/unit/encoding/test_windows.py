import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.encoding import Window, cut_windows


@st.composite
def cuts(draw):
    capacity = draw(st.integers(1, 40))
    return draw(st.integers(0, 300)), capacity, draw(st.integers(0, capacity - 1))


@given(cuts())
def test_own_parts_share_no_piece_and_leave_none_out(cut):
    pieces, capacity, overlap = cut
    windows = cut_windows(pieces, capacity=capacity, overlap=overlap)
    owned = [piece for window in windows for piece in range(window.own_start, window.own_stop)]
    assert owned == list(range(pieces))


@given(cuts())
def test_a_window_holds_what_it_owns_and_no_more_than_its_capacity(cut):
    pieces, capacity, overlap = cut
    for window in cut_windows(pieces, capacity=capacity, overlap=overlap):
        assert 0 <= window.start <= window.own_start <= window.own_stop <= window.stop <= pieces
        assert window.stop - window.start <= capacity


@given(cuts())
def test_neighbours_share_at_least_the_overlap_and_each_brings_something_new(cut):
    pieces, capacity, overlap = cut
    windows = cut_windows(pieces, capacity=capacity, overlap=overlap)
    shared = [before.stop - after.start for before, after in itertools.pairwise(windows)]
    assert all(count == overlap for count in shared[:-1])
    assert all(overlap <= count < capacity for count in shared[-1:])
    assert all(before.start < after.start for before, after in itertools.pairwise(windows))


@given(cuts())
def test_a_piece_is_owned_where_it_has_the_most_context(cut):
    pieces, capacity, overlap = cut
    windows = cut_windows(pieces, capacity=capacity, overlap=overlap)
    inner = [(w, p) for w in windows for p in range(w.own_start, w.own_stop)]

    def context(window, piece):
        left = piece - window.start if window.start else pieces
        right = window.stop - 1 - piece if window.stop < pieces else pieces
        return min(left, right)

    for window, piece in inner:
        others = [context(other, piece) for other in windows if other.start <= piece < other.stop]
        assert context(window, piece) >= max(others) - 1


@pytest.mark.parametrize("pieces", [0, 1, 10])
def test_what_fits_is_one_window(pieces):
    assert cut_windows(pieces, capacity=10, overlap=3) == (Window(0, pieces, 0, pieces),)


def test_a_cut_by_hand():
    assert cut_windows(18, capacity=10, overlap=4) == (
        Window(0, 10, 0, 8),
        Window(6, 16, 8, 12),
        Window(8, 18, 12, 18),
    )
