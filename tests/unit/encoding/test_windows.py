import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.encoding import Window, cut_windows
from polyhead.encoding.windows import cut_pairs


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


@st.composite
def pairs(draw):
    return draw(st.integers(0, 120)), draw(st.integers(0, 120)), draw(st.integers(2, 40)), draw(st.integers(0, 40))


def windows_of_pair(pair):
    pieces, second, room, overlap = pair
    return cut_pairs(pieces, second, room=room, overlap=overlap)


@given(pairs())
def test_two_texts_fit_into_each_row(pair):
    pieces, second, room, _ = pair
    for window in windows_of_pair(pair):
        start, stop = window.second
        assert 0 <= start <= stop <= second
        assert 0 <= window.start <= window.own_start <= window.own_stop <= window.stop <= pieces
        assert window.stop - window.start + stop - start <= room


@given(pairs())
def test_every_piece_of_the_first_text_is_owned_once(pair):
    owned = [piece for window in windows_of_pair(pair) for piece in range(window.own_start, window.own_stop)]
    assert sorted(owned) == list(range(pair[0]))


@given(pairs())
def test_every_part_of_the_first_text_meets_every_part_of_the_second(pair):
    pieces, second, _, _ = pair
    met = {
        (a, b)
        for window in windows_of_pair(pair)
        for a in range(window.start, window.stop)
        for b in range(*window.second)
    }
    assert len(met) == pieces * second
    assert {a for window in windows_of_pair(pair) for a in range(window.start, window.stop)} == set(range(pieces))
    assert {b for window in windows_of_pair(pair) for b in range(*window.second)} == set(range(second))


@given(pairs())
def test_no_two_rows_of_a_pair_are_alike(pair):
    windows = windows_of_pair(pair)
    assert len({(window.start, window.stop, window.second) for window in windows}) == len(windows)


@pytest.mark.parametrize(("pieces", "second"), [(0, 0), (12, 8), (20, 0), (15, 5), (10, 10), (5, 15), (0, 20)])
def test_a_pair_that_fits_is_one_window(pieces, second):
    assert cut_pairs(pieces, second, room=20, overlap=3) == (Window(0, pieces, 0, pieces, (0, second)),)


def test_a_short_second_text_stays_whole_beside_each_part_of_a_long_first():
    assert cut_pairs(18, 4, room=12, overlap=2) == (
        Window(0, 8, 0, 7, (0, 4)),
        Window(6, 14, 7, 12, (0, 4)),
        Window(10, 18, 12, 18, (0, 4)),
    )
