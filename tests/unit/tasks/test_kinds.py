import json

import pytest

from polyhead.errors import BundleError, SettingsError
from polyhead.labels import LabelSet
from polyhead.settings import TaskSettings
from polyhead.tasks import KINDS, SingleLabel, Tagging, kind_named, options_of, restore_task, task_state

INTENT = SingleLabel("intent", "label", 0.5, LabelSet((0, "0", "book")))
NER = Tagging("ner", "ner_tags", 1.0, LabelSet(("LOC", "PER")), "pretokenizer")


def test_kinds_are_found_by_their_own_name():
    assert {name: kind.kind for name, kind in KINDS.items()} == {name: name for name in KINDS}
    assert kind_named("tagging", where="x") is Tagging


def test_an_unknown_kind_is_named_with_the_known():
    with pytest.raises(SettingsError) as caught:
        kind_named("taging", where="tasks.ner.kind")
    assert str(caught.value) == (
        f"tasks.ner.kind: no kind of task is called 'taging'; known: {', '.join(KINDS)} (did you mean 'tagging'?)"
    )


def test_options_have_defaults():
    assert options_of("ner", TaskSettings(kind="tagging", field="tags")) == {"unit": "whitespace"}
    assert options_of("intent", TaskSettings(kind="single_label", field="label")) == {}


def test_options_are_taken():
    settings = TaskSettings(kind="tagging", field="tags", unit="pretokenizer")
    assert options_of("ner", settings) == {"unit": "pretokenizer"}


def test_an_unknown_option_is_named_with_the_known():
    with pytest.raises(SettingsError) as caught:
        options_of("ner", TaskSettings(kind="tagging", field="tags", unti="whitespace"))
    assert str(caught.value) == (
        "tasks.ner.unti: no such setting; known: kind, field, weight, unit (did you mean 'unit'?)"
    )


def test_an_option_of_another_kind_is_unknown():
    with pytest.raises(SettingsError, match=r"^tasks\.intent\.unit: no such setting; known: kind, field, weight$"):
        options_of("intent", TaskSettings(kind="single_label", field="label", unit="whitespace"))


def test_an_option_out_of_range():
    with pytest.raises(SettingsError, match=r"^tasks\.ner\.unit: .*'whitespace' or 'pretokenizer', found 'words'$"):
        options_of("ner", TaskSettings(kind="tagging", field="tags", unit="words"))


@pytest.mark.parametrize("task", [INTENT, NER])
def test_a_task_comes_back_from_json(task):
    assert restore_task(json.loads(json.dumps(task_state(task)))) == task


def test_the_json_of_a_task():
    assert task_state(INTENT) == {
        "name": "intent",
        "kind": "single_label",
        "field": "label",
        "weight": 0.5,
        "labels": [0, "0", "book"],
    }


def test_a_kind_of_a_later_version_is_refused():
    with pytest.raises(BundleError, match=r"a task of the kind 'ranking', which this version lacks; update polyhead"):
        restore_task({**task_state(NER), "kind": "ranking"})


@pytest.mark.parametrize("missing", ["name", "kind", "field", "weight", "types", "unit"])
def test_a_task_that_lacks_something_is_refused(missing):
    state = task_state(NER)
    del state[missing]
    with pytest.raises(BundleError, match=rf"^the model's description of a task cannot be read: .*'{missing}'"):
        restore_task(state)
