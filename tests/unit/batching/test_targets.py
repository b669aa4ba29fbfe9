import numpy as np
import pytest

from polyhead.batching import Example, Row, collate_targets
from polyhead.batching.targets import owned_units
from polyhead.encoding import Encoded, cut_windows
from polyhead.tasks import IGNORE, HeadSpec
from tests.unit.batching.rows import rows

HEADS = {"intent": HeadSpec(reads="sentence", width=3), "ner": HeadSpec(reads="token", width=5)}
X = IGNORE
TAGS = np.array([1, 2, 3, 4])


def collated(*targets, soft=(), heads=HEADS, length=9, offset=1, **cut):
    """Targets of rows of the text, one text for each of `targets`, with what teachers say of it in `soft`."""
    taught = [*soft, *[{}] * (len(targets) - len(soft))]
    examples = [
        Example(row, arrays(each), arrays(said))
        for each, said in zip(targets, taught, strict=True)
        for row in rows(**cut)
    ]
    return collate_targets(examples, heads, length=length, offset=offset)


def arrays(by_task):
    return {name: np.asarray(values) for name, values in by_task.items()}


def test_a_tag_stands_at_the_first_piece_of_its_word_alone():
    assert collated({"ner": TAGS})["ner"].values.tolist() == [[X, 1, X, 2, 3, X, 4, X, X]]


def test_two_special_tokens_in_front_push_the_tags_on():
    assert collated({"ner": TAGS}, offset=2)["ner"].values.tolist() == [[X, X, 1, X, 2, 3, X, 4, X]]


def test_a_class_stands_at_each_row():
    targets = collated({"intent": 2}, {"intent": 0})
    assert targets["intent"].values.tolist() == [2, 0]
    assert targets["intent"].values.dtype == np.int64


def test_an_unknown_task_is_ignored_row_by_row():
    targets = collated({"intent": 2}, {"ner": TAGS})
    assert targets["intent"].values.tolist() == [2, X]
    assert targets["ner"].values.tolist() == [[X] * 9, [X, 1, X, 2, 3, X, 4, X, X]]


@pytest.mark.parametrize("targets", [{}, {"ner": [X, X, X, X]}])
def test_a_task_without_a_target_in_the_batch_is_left_out(targets):
    assert collated({"intent": 2, **targets}).keys() == {"intent"}
    assert collated(targets) == {}


def test_an_unknown_remainder_is_no_target():
    assert collated({"ner": [1, 2, X, X]})["ner"].values.tolist() == [[X, 1, X, 2, X, X, X, X, X]]


def test_each_window_has_the_targets_of_what_it_owns():
    targets = collated({"ner": TAGS, "intent": 1}, capacity=4, overlap=2, length=6)
    assert [(row.window.start, row.window.own_start, row.window.own_stop) for row in rows(capacity=4, overlap=2)] == [
        (0, 0, 3),
        (2, 3, 6),
    ]
    assert targets["ner"].values.tolist() == [[X, 1, X, 2, X, X], [X, X, 3, X, 4, X]]
    assert targets["intent"].values.tolist() == [1, 1]


def test_each_unit_is_owned_by_one_window():
    for capacity in range(2, 7):
        for overlap in range(capacity):
            owned = [owned_units(row, HEADS["ner"]) for row in rows(capacity=capacity, overlap=overlap)]
            assert np.concatenate([units for _, units in owned]).tolist() == [0, 1, 2, 3]


def test_places_are_counted_from_the_window():
    places, units = owned_units(rows(capacity=4, overlap=2)[1], HEADS["ner"])
    assert (places.tolist(), units.tolist()) == ([1, 3], [2, 3])


def test_each_row_has_its_weight_whatever_the_task():
    (row,) = rows()
    examples = [Example(row, {"intent": np.array(1)}, weight=weight) for weight in (1.0, 0.25, 0.0)]
    examples.append(Example(row, {"ner": TAGS}, weight=3.0))
    targets = collate_targets(examples, HEADS, length=9, offset=1)
    for name in HEADS:
        assert targets[name].weights.tolist() == [1.0, 0.25, 0.0, 3.0]
        assert targets[name].weights.dtype == np.float32


def test_only_windows_behind_the_first_continue_a_text():
    targets = collated({"ner": TAGS}, {"ner": TAGS}, capacity=2, overlap=0, length=4)
    assert targets["ner"].continues.tolist() == [False, True, True] * 2
    assert collated({"ner": TAGS}, {"ner": TAGS})["ner"].continues.tolist() == [False, False]


def test_a_task_without_teachers_has_no_soft_answers():
    targets = collated({"intent": 1, "ner": TAGS}, soft=[{"intent": [0.1, 0.2, 0.7]}])
    assert targets["ner"].soft is None
    assert targets["intent"].soft is not None


def test_soft_answers_for_a_sentence_stand_at_each_of_its_rows_and_nothing_at_others():
    targets = collated({}, {"intent": 1}, soft=[{"intent": [0.25, 0.25, 0.5]}], capacity=4, overlap=2, length=6)
    assert targets["intent"].values.tolist() == [X, X, 1, 1]
    assert targets["intent"].soft.dtype == np.float32
    np.testing.assert_array_equal(targets["intent"].soft, [[0.25, 0.25, 0.5]] * 2 + [[np.nan] * 3] * 2)


def test_soft_answers_for_units_stand_at_the_first_pieces_that_a_window_owns():
    said = np.arange(20, dtype=np.float32).reshape(4, 5)
    soft = collated({}, soft=[{"ner": said}], capacity=4, overlap=2, length=6)["ner"].soft
    wanted = np.full((2, 6, 5), np.nan)
    wanted[0, 1], wanted[0, 3], wanted[1, 2], wanted[1, 4] = said
    np.testing.assert_array_equal(soft, wanted)


def test_a_text_that_only_teachers_know_has_no_target_of_its_own():
    targets = collated({}, soft=[{"ner": np.full((4, 5), 0.2)}])
    assert targets.keys() == {"ner"}
    assert targets["ner"].values.tolist() == [[X] * 9]


@pytest.mark.parametrize("soft", [{"ner": np.full((4, 5), np.nan)}, {"intent": [np.nan] * 3}])
def test_a_task_of_which_neither_data_nor_teachers_say_anything_is_left_out(soft):
    """Or the mean over nothing is no number, and ends the run."""
    assert collated({}, soft=[soft]) == {}


def test_a_window_without_a_unit_of_its_own_leaves_out_the_task():
    """The middle of a word that is longer than a row: teachers say nothing of it either."""
    encoded = Encoded(
        "abcdef", np.arange(6), tuple((at, at + 1) for at in range(6)), cut_windows(6, capacity=2, overlap=0)
    )
    examples = [
        Example(Row(encoded, window, 4), {"ner": np.array([1])}, {"ner": np.full((1, 5), 0.2, dtype=np.float32)})
        for window in encoded.windows
    ]
    assert collate_targets(examples[:1], HEADS, length=4, offset=1).keys() == {"ner"}
    assert collate_targets(examples[1:], HEADS, length=4, offset=1) == {}


NUMBERS = {
    "stars": HeadSpec(reads="sentence", width=1, objective="squared_error", is_number=True),
    "stress": HeadSpec(reads="token", width=1, objective="squared_error", is_number=True),
}


def test_numbers_are_no_number_where_they_are_unknown():
    stress = np.array([0.5, np.nan, -2.0, 0.0], dtype=np.float32)
    targets = collated({"stars": 2.5}, {"stress": stress}, heads=NUMBERS)
    assert {target.values.dtype for target in targets.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(targets["stars"].values, [2.5, np.nan])
    nan = np.nan
    np.testing.assert_array_equal(targets["stress"].values, [[nan] * 9, [nan, 0.5, nan, nan, -2.0, nan, 0.0, nan, nan]])


def test_zero_is_a_number_and_unknown_numbers_are_none():
    assert collated({"stars": 0.0}, heads=NUMBERS).keys() == {"stars"}
    assert collated({"stars": np.nan, "stress": np.full(4, np.nan)}, heads=NUMBERS) == {}


MANY = {
    "topics": HeadSpec(reads="sentence", width=3, objective="binary_cross_entropy", target=(3,)),
    "spans": HeadSpec(reads="token", width=6, objective="binary_cross_entropy", target=(2, 3)),
}


def test_targets_of_several_outputs_keep_their_shape():
    topics, spans = np.array([1, 0, X]), np.arange(24).reshape(4, 2, 3) % 2
    targets = collated({"topics": topics}, {"spans": spans}, heads=MANY)
    assert targets["topics"].values.tolist() == [[1, 0, X], [X, X, X]]
    wanted = np.full((2, 9, 2, 3), X)
    wanted[1, [1, 3, 4, 6]] = spans
    np.testing.assert_array_equal(targets["spans"].values, wanted)
    assert targets["spans"].values.dtype == np.int64


def test_targets_of_several_outputs_all_unknown_are_none():
    assert collated({"topics": [X, X, X], "spans": np.full((4, 2, 3), X)}, heads=MANY) == {}


def test_an_example_speaks_to_the_tasks_of_data_and_teachers():
    (row,) = rows()
    example = Example(row, {"intent": np.array(1)}, {"ner": np.full((4, 5), 0.2, dtype=np.float32)})
    assert example.tasks == {"intent", "ner"}
    assert Example(row, {}).tasks == frozenset()
