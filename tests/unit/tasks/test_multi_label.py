import time

import numpy as np
import pytest
from pydantic import ValidationError

from polyhead.errors import AnnotationError, DataError, SettingsError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.tasks import MultiLabel

LABELS = LabelSet(("art", "health", "sports"))


def task(thresholds=(0.5, 0.5, 0.5), **options):
    return MultiLabel("topics", "topics", 1.0, MultiLabel.Options(**options), LABELS, thresholds)


def learnt(annotations, **options):
    return MultiLabel.learn(
        name="topics",
        field="topics",
        weight=1.0,
        options=MultiLabel.Options(**options),
        annotations=[frozenset(annotation) for annotation in annotations],
    )


def logits(*rows):
    shares = np.array(rows, dtype=np.float64)
    return np.log(shares / (1 - shares)).astype(np.float32)


def read(value, **options):
    return MultiLabel.column("topics", MultiLabel.Options(**options)).read(value, "a", None, Notices())


def message(value, **options):
    with pytest.raises(AnnotationError) as caught:
        read(value, **options)
    return str(caught.value)


def test_labels_are_what_the_data_wrote():
    assert read(["1", 1, " a"]) == {"1", 1, " a"}
    assert read([]) == frozenset()


def test_a_string_is_split_where_the_separator_stands():
    assert read("sports# health", separator="#") == {"sports", " health"}
    assert read("a::b:c", separator="::") == {"a", "b:c"}
    assert read("sports", separator="#") == {"sports"}
    assert read("", separator="#") == frozenset()
    assert read(["a#b"], separator="#") == {"a#b"}


def test_what_is_no_set_of_labels_is_refused():
    assert message("sports") == (
        "labels must be a list, found the string 'sports'; if it holds labels with a sign between them, set the task's "
        "'separator'"
    )
    assert message(3) == "labels must be a list of integers or strings, found a number"
    assert message(["a", True]) == "label 2 must be an integer or a string, found True"
    assert message(["a", 1, "a"]) == "label 'a' is there twice; remove one"
    assert message(["a", ""]) == "label 2 of ['a', ''] is empty; leave it out"
    assert message("a##b", separator="#") == "label 2 of ['a', '', 'b'] is empty; leave it out"


def test_an_empty_separator_is_refused():
    with pytest.raises(ValidationError, match="separator"):
        MultiLabel.Options(separator="")


@pytest.mark.parametrize("value", [0, 1, -0.5, 1.5, True, "best", None, float("nan")])
def test_a_threshold_lies_between_0_and_1(value):
    with pytest.raises(ValidationError, match=r"must be 'tuned' or a number between 0 and 1"):
        MultiLabel.Options(thresholds=value)


def test_data_without_a_label_give_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        learnt([[], []])
    assert str(caught.value) == "task 'topics': no label in any of the 2 records that carry 'topics'"


def test_the_target_is_a_yes_or_no_for_each_label():
    assert task().encode(frozenset({"sports", "art"}), None).tolist() == [1, 0, 1]
    assert task().encode(frozenset(), None).tolist() == [0, 0, 0]


def test_the_head_begins_with_how_often_a_label_fits():
    head = learnt([["a"], ["b"], [], []]).head()  # 2 of 8
    assert head.bias == pytest.approx(np.log(0.25 / 0.75), abs=1e-4)
    assert (head.width, head.target, head.objective) == (2, (2,), "binary_cross_entropy")
    assert learnt([["a", "b"]] * 3).head().bias == 0.0
    assert learnt([["a"], *[[]] * 5000]).head().bias == pytest.approx(np.log(0.001 / 0.999), abs=1e-4)


def test_balanced_weights_make_up_for_rare_labels_within_bounds():
    annotations = [["always", "half", "rare"], ["always", "half"], ["always"], ["always"]]
    assert learnt(annotations, class_weights="balanced").head().class_weights == (0.1, 1.0, 3.0)
    many = learnt([["rare"], *[["other"]] * 99], class_weights="balanced")
    assert many.head().class_weights == (0.1, 10.0)


def test_weights_from_a_table():
    assert learnt([["a", "b"]], class_weights={"b": 2.5}).head().class_weights == (1.0, 2.5)
    assert learnt([["a", "b"]]).head().class_weights == ()
    with pytest.raises(SettingsError, match=r"^tasks\.topics\.class_weights\.c: the data show no such label"):
        learnt([["a", "b"]], class_weights={"c": 2.5})


def test_the_answer_is_all_that_is_probable_enough_the_most_probable_first():
    answer = task().decode(logits([0.7, 0.2, 0.9]), None)
    assert answer.labels == ("sports", "art")
    assert answer.to_json() == {
        "labels": [
            {"label": "sports", "score": pytest.approx(0.9, abs=1e-6)},
            {"label": "art", "score": pytest.approx(0.7, abs=1e-6)},
        ]
    }
    assert answer.plain() == "Prediction: ['sports', 'art']"
    assert answer.summary() == "sports 0.90, art 0.70"


def test_no_label_may_fit():
    answer = task().decode(logits([0.1, 0.2, 0.3]), None)
    assert answer.to_json() == {"labels": []}
    assert answer.summary() == "none"
    assert task().is_right(frozenset(), answer)
    assert not task().is_right(frozenset({"art"}), answer)


def test_probabilities_are_averaged_over_windows():
    answer = task().decode(logits([0.9, 0.2, 0.1], [0.2, 0.2, 0.95]), None)
    assert answer.labels == ("art", "sports")
    assert answer.scores == pytest.approx((0.55, 0.525), abs=1e-6)


def test_each_label_has_its_threshold():
    assert task((0.8, 0.1, 0.5)).decode(logits([0.7, 0.2, 0.9]), None).labels == ("sports", "health")


def test_a_fixed_threshold_holds_for_all_and_is_not_tuned():
    fixed = learnt([["a"], ["b"]] * 9, thresholds=0.8)
    assert fixed.thresholds == (0.8, 0.8)
    golds, rows = [frozenset({"a"})] * 9, [logits([0.6, 0.1])] * 9
    assert fixed.tune(golds, rows, [None] * 9) == fixed


def tuned(golds, rows):
    return task().tune([frozenset(gold) for gold in golds], [logits(row) for row in rows], [None] * len(rows))


def test_one_threshold_for_all_is_tuned_where_labels_are_rare():
    golds = [["art"], ["art"], ["sports"], []]
    rows = [[0.3, 0.1, 0.1], [0.4, 0.1, 0.1], [0.1, 0.1, 0.35], [0.2, 0.15, 0.1]]
    assert tuned(golds, rows).thresholds == pytest.approx((0.25, 0.25, 0.25))


def test_a_label_that_dev_shows_often_has_a_threshold_of_its_own():
    golds = [["art", "sports"]] * 5 + [[]] * 5
    rows = [[0.3, 0.1, 0.9]] * 5 + [[0.1, 0.1, 0.8]] * 5
    found = tuned(golds, rows)
    assert found.thresholds[0] == pytest.approx(0.2)
    assert found.thresholds[2] == pytest.approx(0.85)
    for gold, row in zip(golds, rows, strict=True):
        assert found.is_right(frozenset(gold), found.decode(logits(row), None))
    assert tuned(golds[1:], rows[1:]).thresholds[2] != pytest.approx(0.85), "four are too few"


@pytest.mark.parametrize("below", [-1.0, -0.7, -0.4, -0.1, 0.2, 0.5, 0.8, 1.1])
def test_a_threshold_between_neighbouring_probabilities_tells_them_apart(below):
    low = np.array([[below, -9, -9]], dtype=np.float32)
    high = low.copy()
    while task().soften(high, None)[0] == task().soften(low, None)[0]:
        high[0, 0] = np.nextafter(high[0, 0], np.float32(9))
    golds = [frozenset()] * 5 + [frozenset({"art"})] * 5
    narrow = task().tune(golds, [low] * 5 + [high] * 5, [None] * 10)
    assert narrow.decode(high, None).labels == ("art",)
    assert narrow.decode(low, None).labels == ()


def test_a_label_that_only_dev_shows_is_missed():
    gold = frozenset({"art", "unseen"})
    answer = task().decode(logits([0.9, 0.1, 0.1]), None)
    scores = task().score([gold], [answer])
    assert (scores["micro_precision"], scores["micro_recall"], scores["accuracy"]) == (1.0, 0.5, 0.0)
    assert not task().is_right(gold, answer)
    assert tuned([gold] * 6, [[0.9, 0.1, 0.1]] * 6).labels == LABELS


def test_many_labels_are_tuned_quickly():
    random = np.random.default_rng(0)
    labels = LabelSet(tuple(range(300)))
    many = MultiLabel("topics", "topics", 1.0, MultiLabel.Options(), labels, (0.5,) * 300)
    golds = [frozenset(random.choice(300, size=3).tolist()) for _ in range(1000)]
    rows = list(random.normal(size=(1000, 1, 300)).astype(np.float32))
    start = time.perf_counter()
    many.tune(golds, rows, [None] * 1000)
    assert time.perf_counter() - start < 10


def ranked(*rows, count, **given):
    own = task(**given)
    (answer,) = own.ranked([own.decode(logits(*rows), None)], count)
    return answer


def test_the_best_classes_are_told_whether_or_not_they_reach_their_thresholds():
    answer = ranked([0.7, 0.6, 0.1], count=2, thresholds=(0.9, 0.5, 0.5))
    assert answer.to_json() == {
        "labels": [{"label": "health", "score": 0.6}],
        "classes": [{"label": "art", "score": 0.7}, {"label": "health", "score": 0.6}],
    }
    assert answer.summary() == "health 0.60  then art 0.70"
    assert ranked([0.2, 0.1, 0.3], count=1).summary() == "none  then sports 0.30"


def test_best_classes_too_must_be_sure_enough():
    answer = ranked([0.7, 0.6, 0.1], count=3, thresholds=(0.9, 0.5, 0.5)).at_least(0.65)
    assert answer.to_json() == {"labels": [], "classes": [{"label": "art", "score": 0.7}]}


def test_best_classes_are_those_of_the_mean_over_windows():
    answer = ranked([0.7, 0.6, 0.1], [0.1, 0.6, 0.5], count=3)
    assert [label for label, _ in answer.classes] == ["health", "art", "sports"]
    assert [score for _, score in answer.classes] == pytest.approx([0.6, 0.4, 0.3], abs=1e-6)
