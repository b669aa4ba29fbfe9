import pytest
from pydantic import ValidationError

from polyhead.errors import SettingsError
from polyhead.tasks import KINDS
from polyhead.tasks.options import check_known, weights_of_classes

SHOWN = {"a": 1, 7: 2, "b": 5}


def weights(wanted):
    return weights_of_classes(wanted, ["a", 7, "b"], SHOWN, where="tasks.t.class_weights")


def test_without_weights_there_are_none():
    assert weights(None) == ()


def test_balanced_weights_make_each_class_weigh_the_same_in_the_whole():
    found = weights("balanced")
    assert [weight * count for weight, count in zip(found, SHOWN.values(), strict=True)] == pytest.approx([8 / 3] * 3)


def test_a_table_names_classes_as_text():
    assert weights({"7": 0.0, "b": 2.0}) == (1.0, 0.0, 2.0)
    assert weights({}) == (1.0, 1.0, 1.0)


def test_an_unknown_class_is_named_with_its_place():
    with pytest.raises(SettingsError) as caught:
        weights({"a": 1.0, "8": 2.0})
    assert str(caught.value) == "tasks.t.class_weights.8: the data show no such label; known: a, 7, b"


def test_known_classes_pass():
    check_known(["a", "7"], ["a", 7], where="x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", [{"hidden": -1}, {"layers": "first"}, {"nothing": 1}])
def test_every_head_refuses_what_none_has(kind, option):
    with pytest.raises(ValidationError, match=next(iter(option))):
        KINDS[kind].Options(**option)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_documented(kind):
    fields = KINDS[kind].Options.model_fields
    assert {"hidden", "layers"} <= fields.keys()
    assert all(field.description for field in fields.values())


@pytest.mark.parametrize("kind", ["single_label", "multi_label", "token_label", "tagging", "spans"])
def test_a_class_weight_is_not_negative(kind):
    with pytest.raises(ValidationError, match="class_weights"):
        KINDS[kind].Options(class_weights={"a": -1.0})


@pytest.mark.parametrize("kind", ["single_label", "multi_label", "token_label", "tagging"])
@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_smoothing_is_a_share(kind, share):
    with pytest.raises(ValidationError, match="label_smoothing"):
        KINDS[kind].Options(label_smoothing=share)
