import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.labels import LabelSet

labels = st.integers() | st.text()


def test_integers_come_by_value_before_strings_by_code_point():
    assert LabelSet.observed(["b", 10, "a", 2, "B", 10, -1]).values == (-1, 2, 10, "B", "a", "b")


def test_the_integer_and_the_string_are_two_labels():
    both = LabelSet.observed(["1", 1, 1, "1"])
    assert both.values == (1, "1")
    assert (both.index(1), both.index("1")) == (0, 1)
    assert type(both[0]) is int
    assert type(both[1]) is str


def test_only_what_was_seen_is_in_it():
    only = LabelSet.observed(["1"])
    assert "1" in only
    assert 1 not in only
    with pytest.raises(KeyError):
        only.index(1)


@given(st.lists(labels))
def test_the_order_of_the_data_does_not_matter(seen):
    assert LabelSet.observed(seen) == LabelSet.observed(reversed(seen))


@given(st.lists(labels))
def test_index_and_item_undo_each_other(seen):
    label_set = LabelSet.observed(seen)
    assert len(label_set) == len(set(seen))
    assert [label_set.index(label) for label in label_set] == list(range(len(label_set)))
    assert all(label_set[label_set.index(label)] == label for label in seen)
