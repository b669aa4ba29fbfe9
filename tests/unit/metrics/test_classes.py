import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from polyhead.errors import MissingExtraError
from polyhead.metrics import class_scores

label = st.sampled_from([0, 1, 2, "0", "1", "weather"])


@given(st.lists(st.tuples(label, label), min_size=1))
def test_the_figures_are_those_of_sklearn(pairs):
    golds, found = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    names, answers = [repr(gold) for gold in golds], [repr(answer) for answer in found]
    assert class_scores(golds, found) == {
        "accuracy": pytest.approx(accuracy_score(names, answers)),
        "macro_f1": pytest.approx(f1_score(names, answers, average="macro", zero_division=0)),
    }


def test_the_integer_is_not_the_string():
    assert class_scores([1, "1"], ["1", 1]) == {"accuracy": 0.0, "macro_f1": 0.0}
    assert class_scores([1, "1"], [1, "1"]) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_a_class_found_but_never_there_counts_in_the_macro_average():
    assert class_scores(["a", "a"], ["a", "b"])["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_no_record_has_no_figures():
    assert class_scores([], []) == {"accuracy": None, "macro_f1": None}


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingExtraError, match=r"scoring needs the extra 'train'"):
        class_scores([1], [1])
