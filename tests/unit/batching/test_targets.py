import numpy as np
import pytest

from polyhead.batching import Example, collate_targets
from polyhead.batching.targets import owned_units
from polyhead.tasks import IGNORE, HeadSpec
from tests.unit.batching.rows import rows

HEADS = {"intent": HeadSpec(reads="sentence", width=3), "ner": HeadSpec(reads="token", width=5)}
X = IGNORE
TAGS = np.array([1, 2, 3, 4])


def collated(*targets, length=9, offset=1, **cut):
    examples = [
        Example(row, {name: np.asarray(target) for name, target in each.items()})
        for each in targets
        for row in rows(**cut)
    ]
    return collate_targets(examples, HEADS, length=length, offset=offset)


def test_a_tag_stands_at_the_first_piece_of_its_word_alone():
    assert collated({"ner": TAGS})["ner"].tolist() == [[X, 1, X, 2, 3, X, 4, X, X]]


def test_two_special_tokens_in_front_push_the_tags_on():
    assert collated({"ner": TAGS}, offset=2)["ner"].tolist() == [[X, X, 1, X, 2, 3, X, 4, X]]


def test_a_class_stands_at_each_row():
    targets = collated({"intent": 2}, {"intent": 0})
    assert targets["intent"].tolist() == [2, 0]
    assert targets["intent"].dtype == np.int64


def test_an_unknown_task_is_ignored_row_by_row():
    targets = collated({"intent": 2}, {"ner": TAGS})
    assert targets["intent"].tolist() == [2, X]
    assert targets["ner"].tolist() == [[X] * 9, [X, 1, X, 2, 3, X, 4, X, X]]


@pytest.mark.parametrize("targets", [{}, {"ner": [X, X, X, X]}])
def test_a_task_without_a_target_in_the_batch_is_left_out(targets):
    assert collated({"intent": 2, **targets}).keys() == {"intent"}
    assert collated(targets) == {}


def test_an_unknown_remainder_is_no_target():
    assert collated({"ner": [1, 2, X, X]})["ner"].tolist() == [[X, 1, X, 2, X, X, X, X, X]]


def test_each_window_has_the_targets_of_what_it_owns():
    targets = collated({"ner": TAGS, "intent": 1}, capacity=4, overlap=2, length=6)
    assert [(row.window.start, row.window.own_start, row.window.own_stop) for row in rows(capacity=4, overlap=2)] == [
        (0, 0, 3),
        (2, 3, 6),
    ]
    assert targets["ner"].tolist() == [[X, 1, X, 2, X, X], [X, X, 3, X, 4, X]]
    assert targets["intent"].tolist() == [1, 1]


def test_each_unit_is_owned_by_one_window():
    for capacity in range(2, 7):
        for overlap in range(capacity):
            owned = [owned_units(row, HEADS["ner"]) for row in rows(capacity=capacity, overlap=overlap)]
            assert np.concatenate([units for _, units in owned]).tolist() == [0, 1, 2, 3]


def test_places_are_counted_from_the_window():
    places, units = owned_units(rows(capacity=4, overlap=2)[1], HEADS["ner"])
    assert (places.tolist(), units.tolist()) == ([1, 3], [2, 3])
