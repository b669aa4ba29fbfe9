import numpy as np
import pytest

from polyhead.errors import AnnotationError, SettingsError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.tasks import SingleLabel

TASK = SingleLabel("intent", "label", 1.0, SingleLabel.Options(), LabelSet((0, 1, "1")))


def decode(*rows):
    return TASK.decode(np.log(np.array(rows, dtype=np.float32)), None)


def read(value):
    return SingleLabel.column("label", TASK.options).read(value, "a", None, Notices())


@pytest.mark.parametrize("value", [0, 7, "x", " ", "0"])
def test_a_label_is_what_the_data_wrote(value):
    assert read(value) == value
    assert type(read(value)) is type(value)


@pytest.mark.parametrize("value", [1.0, True, False, [], {}, [1]])
def test_nothing_else_is_a_label(value):
    with pytest.raises(AnnotationError) as caught:
        read(value)
    assert str(caught.value) == f"a label must be an integer or a string, found {value!r}"


def test_an_empty_label_is_refused():
    with pytest.raises(AnnotationError, match="leave the field out where the label is unknown"):
        read("")


def test_probabilities_are_averaged_over_windows():
    answer = decode([0.2, 0.7, 0.1], [0.9, 0.05, 0.05])
    assert answer.label == 0
    assert answer.score == pytest.approx(0.55, abs=1e-6)


def test_the_answer_has_the_type_of_the_data():
    answer = decode([0.1, 0.1, 0.8])
    assert answer.label == "1"
    assert answer.to_json() == {"label": "1", "score": 0.8}
    assert answer.plain() == "Prediction: 1"
    assert answer.summary() == "1  0.80"
    assert not TASK.is_right(1, answer)
    assert TASK.is_right("1", answer)


def ranked(*rows, count):
    (answer,) = TASK.ranked([decode(*rows)], count)
    return answer


def test_the_best_classes_stand_beside_the_answer():
    answer = ranked([0.15, 0.6, 0.25], count=2)
    assert answer.to_json() == {
        "label": 1,
        "score": 0.6,
        "classes": [{"label": 1, "score": 0.6}, {"label": "1", "score": 0.25}],
    }
    assert answer.summary() == "1  0.60  then 1 0.25"
    assert ranked([0.15, 0.6, 0.25], count=1).summary() == "1  0.60"
    assert len(ranked([0.15, 0.6, 0.25], count=99).classes) == 3


def test_best_classes_are_those_of_the_mean_over_windows():
    answer = ranked([0.2, 0.7, 0.1], [0.9, 0.05, 0.05], count=3)
    assert [label for label, _ in answer.classes] == [0, 1, "1"]
    assert [score for _, score in answer.classes] == pytest.approx([0.55, 0.375, 0.075], abs=1e-6)


def test_classes_that_are_equally_probable_come_in_the_order_of_the_labels():
    assert [label for label, _ in ranked([0.2, 0.4, 0.4], count=3).classes] == [1, "1", 0]
    assert [label for label, _ in ranked([1 / 3, 1 / 3, 1 / 3], count=2).classes] == [0, 1]


def test_classes_that_are_not_sure_enough_are_left_out():
    answer = ranked([0.15, 0.6, 0.25], count=3)
    assert answer.at_least(0.2).to_json()["classes"] == [{"label": 1, "score": 0.6}, {"label": "1", "score": 0.25}]
    unsure = answer.at_least(0.7)
    assert unsure.to_json() == {"label": None, "score": 0.6, "classes": []}
    assert unsure.summary() == "not sure  0.60"


def test_huge_logits_are_no_trouble():
    answer = TASK.decode(np.array([[1e30, -1e30, 0]], dtype=np.float32), None)
    assert (answer.label, answer.score) == (0, 1.0)


def test_an_unknown_label_cannot_be_encoded():
    with pytest.raises(KeyError):
        TASK.encode("0", None)


def learnt(annotations, **options):
    return SingleLabel.learn(
        name="intent", field="label", weight=1.0, options=SingleLabel.Options(**options), annotations=annotations
    )


def test_without_weights_all_classes_weigh_the_same():
    assert learnt(["a", "b", "b", "b"]).head().class_weights == ()


def test_balanced_weights_are_1_on_average_over_the_data():
    weights = learnt(["a", "b", "b", "b"], class_weights="balanced").head().class_weights
    assert weights == pytest.approx((2.0, 2 / 3))
    assert (weights[0] + 3 * weights[1]) / 4 == pytest.approx(1.0)


def test_classes_that_a_table_does_not_name_weigh_1():
    assert learnt([7, "a", "b"], class_weights={"b": 3.0, "7": 0.5}).head().class_weights == (0.5, 1.0, 3.0)


def test_a_table_that_names_no_class_of_the_data_is_refused():
    with pytest.raises(SettingsError) as caught:
        learnt(["book", "play"], class_weights={"bok": 2.0})
    assert str(caught.value) == (
        "tasks.intent.class_weights.bok: the data show no such label; known: book, play (did you mean 'book'?)"
    )


def test_the_head_is_built_as_the_options_say():
    head = learnt(["a", "b"], pooling="mean", layers="mix", hidden=8, label_smoothing=0.1).head()
    assert (head.pooling, head.layers, head.hidden, head.smoothing) == ("mean", "mix", 8, 0.1)
    assert learnt(["a", "b"]).head().pooling == "cls"


def test_soft_targets_are_averaged_over_windows():
    soft = TASK.soften(np.log(np.array([[0.2, 0.7, 0.1], [0.9, 0.05, 0.05]], dtype=np.float32)), None)
    assert soft == pytest.approx([0.55, 0.375, 0.075], abs=1e-6)
