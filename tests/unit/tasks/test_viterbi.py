import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyhead.labels import allowed_transitions, spans_of_tags, tags_of_spans
from polyhead.tasks.viterbi import best_path
from tests.unit.labels.schemes import words

TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]
START, STEP = allowed_transitions(TAGS)

scores = st.integers(0, 5).flatmap(
    lambda units: arrays(np.float64, (units, len(TAGS)), elements=st.integers(-50, 0).map(float))
)


def total(table, path):
    return sum(row[tag] for row, tag in zip(table, path, strict=True))


def is_allowed(path, start, step):
    return not len(path) or (start[path[0]] and all(step[a, b] for a, b in itertools.pairwise(path)))


@given(scores)
def test_no_allowed_sequence_is_better(table):
    path = best_path(table, START, STEP)
    assert path.shape == (len(table),)
    assert is_allowed(path, START, STEP)
    every = itertools.product(range(len(TAGS)), repeat=len(table))
    assert total(table, path) == max(total(table, other) for other in every if is_allowed(other, START, STEP))


@given(
    arrays(np.float64, (4, 3), elements=st.integers(-50, 0).map(float)),
    arrays(np.bool_, (3, 3)),
    arrays(np.bool_, (3,)),
)
def test_any_constraints_are_kept(table, step, start):
    start[0] = step[:, 0] = True  # something is always allowed, as O is
    path = best_path(table, start, step)
    assert is_allowed(path, start, step)
    every = itertools.product(range(3), repeat=4)
    assert total(table, path) == max(total(table, other) for other in every if is_allowed(other, start, step))


@given(scores)
def test_the_short_cut_gives_what_the_full_way_gives(table):
    greedy = table.argmax(axis=1)
    if is_allowed(greedy, START, STEP) and len(table):
        # One more unit in front, at which only a forbidden begin is good, sends the search the full way.
        front = np.array([[-1.0, -1000.0, 0.0, -1000.0, -1000.0]])
        full = best_path(np.concatenate([front, table]), START, STEP)
        assert total(table, full[1:]) == total(table, best_path(table, START, STEP))
        assert best_path(table, START, STEP).tolist() == greedy.tolist()


@given(scores)
def test_decoded_tags_read_back_as_they_are(table):
    tags = [TAGS[tag] for tag in best_path(table, START, STEP)]
    assert tags_of_spans(spans_of_tags(tags, words(len(tags))), words(len(tags))) == tags


def test_the_best_tag_gives_way_to_the_best_sequence():
    table = np.log([[0.4, 0.35, 0.25, 1e-9, 1e-9], [0.1, 1e-9, 0.9, 1e-9, 1e-9]])
    assert best_path(table, START, STEP).tolist() == [1, 2]


def test_a_text_without_units():
    assert best_path(np.zeros((0, 5)), START, STEP).tolist() == []


@pytest.mark.parametrize("units", [1, 500])
def test_long_texts(units):
    table = np.zeros((units, 5))
    table[:, 2] = 1.0
    path = best_path(table, START, STEP).tolist()
    assert path[1:] == [2] * (units - 1)
    assert path[0] in {0, 1, 3}
