import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.tasks.yes_no import best_threshold, probabilities

pairs = st.lists(st.tuples(st.integers(1, 19), st.booleans()), min_size=1, max_size=12)


def f1(scores, gold, threshold):
    found = scores >= threshold
    total = found.sum() + gold.sum()
    return 2 * (found & gold).sum() / total if total else 0.0


@given(pairs, st.sampled_from([0.3, 0.5, 0.7]))
def test_no_other_threshold_is_better_and_of_equals_none_is_nearer(pairs, near):
    scores = np.array([score / 20 for score, _ in pairs], dtype=np.float32)
    gold = np.array([is_yes for _, is_yes in pairs])
    found = best_threshold(scores, gold, near=near)
    distinct = np.unique(scores.astype(np.float64))
    tried = [0.5, near, *(distinct[1:] + distinct[:-1]) / 2]
    best = max(f1(scores.astype(np.float64), gold, threshold) for threshold in tried)
    equals = [threshold for threshold in tried if f1(scores.astype(np.float64), gold, threshold) == best]
    assert f1(scores.astype(np.float64), gold, found) == best
    assert abs(found - near) == min(abs(threshold - near) for threshold in equals)


def test_where_nothing_is_to_be_found_the_threshold_stays():
    assert best_threshold(np.array([0.2, 0.9]), np.array([False, False]), near=0.5) == 0.5


def test_all_can_be_found_where_none_is_below():
    assert best_threshold(np.array([0.6, 0.7]), np.array([True, True]), near=0.9) == 0.5


def test_probabilities_of_huge_logits():
    with np.errstate(all="raise", under="ignore"):
        found = probabilities(np.array([-1e30, -1000.0, 0.0, 1000.0, 1e30], dtype=np.float32))
    assert found.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_probabilities_are_those_of_the_logistic_function():
    logits = np.array([-3.0, 0.25, 2.0])
    assert probabilities(logits) == pytest.approx(1 / (1 + np.exp(-logits)))
