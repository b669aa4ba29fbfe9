import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, classification_report, top_k_accuracy_score

from polyhead.metrics import Choice, ClassScorer

LABELS = [0, 1, 2, "0", "1", "weather"]
label = st.sampled_from(LABELS)


def class_scores(golds, found):
    return ClassScorer(lambda gold, answer: [Choice(gold, answer)]).over(golds, found)


def headline(golds, found):
    scores = class_scores(golds, found)
    return {name: scores[name] for name in ("accuracy", "macro_f1", "weighted_f1")}


@given(st.lists(st.tuples(label, label), min_size=1))
def test_the_figures_are_those_of_sklearn(pairs):
    golds, found = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    names, answers = [repr(gold) for gold in golds], [repr(answer) for answer in found]
    report = classification_report(names, answers, output_dict=True, zero_division=0)
    scores = class_scores(golds, found)
    assert headline(golds, found) == {
        "accuracy": pytest.approx(accuracy_score(names, answers)),
        "macro_f1": pytest.approx(report["macro avg"]["f1-score"]),
        "weighted_f1": pytest.approx(report["weighted avg"]["f1-score"]),
    }
    rows = {repr(row["label"]): row for row in scores["per_class"]}
    assert rows.keys() == set(names + answers)
    for name, row in rows.items():
        ours = (row["precision"], row["recall"], row["f1"], row["support"])
        assert ours == pytest.approx([report[name][key] for key in ("precision", "recall", "f1-score", "support")])


def test_the_integer_is_not_the_string():
    assert headline([1, "1"], ["1", 1]) == {"accuracy": 0.0, "macro_f1": 0.0, "weighted_f1": 0.0}
    assert headline([1, "1"], [1, "1"]) == {"accuracy": 1.0, "macro_f1": 1.0, "weighted_f1": 1.0}


def test_a_class_found_but_never_there_counts_in_the_macro_average():
    assert class_scores(["a", "a"], ["a", "b"])["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_no_record_has_no_figures():
    assert headline([], []) == {"accuracy": None, "macro_f1": None, "weighted_f1": None}


def test_records_without_a_choice_have_no_figures():
    scores = ClassScorer(lambda gold, answer: []).over([(), ()], [(), ()])
    assert (scores["accuracy"], scores["macro_f1"]) == (None, None)


def test_the_wrong_answers_come_with_their_number_the_most_frequent_first():
    scores = class_scores(["a", "b", "b", "c", "c"], ["b", "c", "c", "c", None])
    assert scores["confusion"] == [
        {"gold": "b", "predicted": "c", "count": 2},
        {"gold": "a", "predicted": "b", "count": 1},
        {"gold": "c", "predicted": None, "count": 1},
    ]
    assert scores["accuracy"] == pytest.approx(1 / 5)


@given(st.lists(st.tuples(st.integers(0, 4), st.permutations(range(5))), min_size=1))
def test_one_of_the_three_best_is_right_as_often_as_sklearn_says(pairs):
    scorer = ClassScorer(
        lambda gold, ranking: [Choice(gold, ranking[0], ranking.index(gold))],
        ranked=True,
    )
    scores = scorer.over([gold for gold, _ in pairs], [ranking for _, ranking in pairs])
    probabilities = [[-ranking.index(label) for label in range(5)] for _, ranking in pairs]
    wanted = top_k_accuracy_score([gold for gold, _ in pairs], probabilities, k=3, labels=range(5))
    assert scores["top_3_accuracy"] == pytest.approx(wanted)
