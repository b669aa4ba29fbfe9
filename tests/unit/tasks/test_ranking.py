from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from polyhead.errors import SettingsError
from polyhead.labels import LabelSet
from polyhead.tasks import SingleLabel
from polyhead.tasks.ranking import best_classes, checked_count

SHARES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=60), elements=st.sampled_from([0, 0.1, 0.3]))
LOGITS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=40),
    elements=st.one_of(st.sampled_from([-1.0, 0.0, 2.0]), st.floats(-1e4, 1e4, width=32)),
)


@given(SHARES, st.integers(1, 70))
def test_ranks_are_those_of_a_stable_sort(shares, count):
    """Few of many classes, and many of few, are found in two ways; equal ones keep their order in both."""
    labels = LabelSet(tuple(range(shares.shape[1])))
    wanted = [sorted(enumerate(own), key=lambda pair: -pair[1])[:count] for own in shares.tolist()]
    assert best_classes(labels, shares, count) == [tuple(own) for own in wanted]


@given(LOGITS, st.integers(1, 50))
def test_the_first_class_is_the_answer_and_no_more_is_shared_out_than_there_is(logits, count):
    classes = LabelSet(tuple(f"class {at}" for at in range(logits.shape[1])))
    task = SingleLabel("intent", "label", 1.0, SingleLabel.Options(), classes)
    texts = [None] * len(logits)
    for answer in task.ranked(task.decode_all(list(logits[:, None]), texts), count):
        told = answer.to_json()
        assert told["classes"][0] == {"label": told["label"], "score": told["score"]}
        assert len({own["label"] for own in told["classes"]}) == len(told["classes"]) == min(count, len(classes))
        scores = [own["score"] for own in told["classes"]]
        assert scores == sorted(scores, reverse=True)
        assert sum(map(Fraction, scores)) <= 1 + len(scores) * 1e-6
        if count >= len(classes):
            assert sum(scores) == pytest.approx(1.0, abs=len(scores) * 1e-6)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "3", float("nan")])
def test_what_is_no_number_of_classes_is_refused(count):
    with pytest.raises(SettingsError, match="top_k: must be a whole number of at least 1, found"):
        checked_count(count)
