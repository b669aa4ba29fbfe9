import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from polyhead.metrics import LabelSetScorer

LABELS = [0, 1, "0", "sports"]
label_set = st.frozensets(st.sampled_from(LABELS))


def label_set_scores(golds, found):
    return LabelSetScorer(frozenset).over(list(map(frozenset, golds)), found)


@given(st.lists(st.tuples(label_set, label_set), min_size=1, max_size=8))
def test_the_figures_are_those_of_sklearn(pairs):
    golds, found = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    shown = [label for label in LABELS if any(label in side for pair in pairs for side in pair)]
    scores = label_set_scores(golds, found)
    assert scores["accuracy"] == pytest.approx(sum(gold == answer for gold, answer in pairs) / len(pairs))
    if not shown:
        assert scores["micro_f1"] == scores["macro_f1"] == 0.0
        return
    # One row a text and label, so that sklearn sees two classes however many labels there are.
    gold, answer = (np.array([[label in side for label in shown] for side in sides]) for sides in (golds, found))
    micro = precision_recall_fscore_support(gold.ravel(), answer.ravel(), average="binary", zero_division=0)
    each = [
        precision_recall_fscore_support(one, other, average="binary", zero_division=0)[2]
        for one, other in zip(gold.T, answer.T, strict=True)
    ]
    assert (scores["micro_precision"], scores["micro_recall"], scores["micro_f1"]) == pytest.approx(micro[:3])
    assert scores["macro_f1"] == pytest.approx(np.mean(each))


def test_the_integer_is_not_the_string():
    assert label_set_scores([{1}], [{"1"}])["micro_f1"] == 0.0


def test_figures_by_hand():
    scores = label_set_scores([{"a", "b"}, {"a"}, set()], [{"a"}, {"a", "c"}, set()])
    rows = {row.pop("label"): row for row in scores.pop("per_class")}
    assert rows["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert rows["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert scores == {
        "micro_f1": pytest.approx(2 / 3),
        "macro_f1": pytest.approx(1 / 3),
        "weighted_f1": pytest.approx(2 / 3),
        "accuracy": pytest.approx(1 / 3),
        "micro_precision": pytest.approx(2 / 3),
        "micro_recall": pytest.approx(2 / 3),
    }


def test_no_label_on_either_side():
    scores = label_set_scores([set()], [set()])
    assert (scores["micro_f1"], scores["macro_f1"], scores["accuracy"]) == (0.0, 0.0, 1.0)


def test_no_record_has_no_figures():
    scores = label_set_scores([], [])
    assert scores.pop("per_class") == []
    assert set(scores.values()) == {None}
    assert label_set_scores([], []).keys() == label_set_scores([set()], [set()]).keys()


def test_golds_and_predictions_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        label_set_scores([set()], [set(), set()])
