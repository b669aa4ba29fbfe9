import json
from importlib.metadata import EntryPoint

import pytest

from polyhead.errors import BundleError, PolyheadError, SettingsError
from polyhead.labels import LabelSet
from polyhead.settings import TaskSettings
from polyhead.tasks import (
    ENTRY_POINTS,
    KINDS,
    MultiLabel,
    Regression,
    SingleLabel,
    SpanClassification,
    Tagging,
    TokenLabel,
    kind_named,
    kinds,
    known_kinds,
    options_of,
    restore_task,
    task_state,
)

INTENT = SingleLabel("intent", "label", 0.5, SingleLabel.Options(hidden=4), LabelSet((0, "0", "book")), (1.0, 2.0, 0.5))
NER = Tagging("ner", "ner_tags", 1.0, Tagging.Options(unit="pretokenizer"), LabelSet(("LOC", "PER")))
TASKS = [
    INTENT,
    NER,
    MultiLabel("topics", "topics", 1.0, MultiLabel.Options(separator="#"), LabelSet((1, "1")), (0.1, 0.7), (), -2.5),
    TokenLabel("pos", "pos", 1.0, TokenLabel.Options(), LabelSet(("NOUN",)), (2.0,)),
    SpanClassification("spans", "spans", 0.0, SpanClassification.Options(overlap="none"), LabelSet(("LOC",))),
    Regression("stars", "stars", 1.0, Regression.Options(), 3.1, 1.7, 1.0, 5.0, 0.17),
]


def test_kinds_are_found_by_their_own_name():
    assert {name: kind.kind for name, kind in KINDS.items()} == {name: name for name in KINDS}
    assert kind_named("tagging", where="x") is Tagging
    assert {type(task) for task in TASKS} == set(KINDS.values())


def test_an_unknown_kind_is_named_with_the_known():
    with pytest.raises(SettingsError) as caught:
        kind_named("taging", where="tasks.ner.kind")
    assert str(caught.value) == (
        f"tasks.ner.kind: no kind of task is called 'taging'; known: {', '.join(KINDS)} (did you mean 'tagging'?)"
    )


def test_options_have_defaults():
    options = options_of("ner", TaskSettings(kind="tagging", field="tags"))
    assert options == Tagging.Options()
    assert (options.unit, options.decoder) == ("auto", "viterbi")


def test_options_are_taken():
    settings = TaskSettings(kind="tagging", field="tags", unit="pretokenizer", metric="recall", patience=3)
    assert options_of("ner", settings) == Tagging.Options(unit="pretokenizer")


def test_an_unknown_option_is_named_with_the_known():
    with pytest.raises(SettingsError) as caught:
        options_of("ner", TaskSettings(kind="tagging", field="tags", unti="whitespace"))
    known = ", ".join([*TaskSettings.model_fields, *Tagging.Options.model_fields])
    assert str(caught.value) == f"tasks.ner.unti: no such setting; known: {known} (did you mean 'unit'?)"


def test_an_option_of_another_kind_is_unknown():
    with pytest.raises(SettingsError, match=r"^tasks\.intent\.unit: no such setting; known: kind, field, weight"):
        options_of("intent", TaskSettings(kind="single_label", field="label", unit="whitespace"))


def test_an_option_out_of_range():
    with pytest.raises(
        SettingsError, match=r"^tasks\.ner\.unit: .*'auto', 'whitespace' or 'pretokenizer', found 'words'$"
    ):
        options_of("ner", TaskSettings(kind="tagging", field="tags", unit="words"))


def test_thresholds_out_of_range():
    with pytest.raises(SettingsError) as caught:
        options_of("topics", TaskSettings(kind="multi_label", field="topics", thresholds=2))
    assert str(caught.value) == "tasks.topics.thresholds: must be 'tuned' or a number between 0 and 1, found 2"


def test_options_that_do_not_go_together():
    with pytest.raises(SettingsError, match=r"^tasks\.ner: decoder 'crf' scores whole sequences"):
        options_of("ner", TaskSettings(kind="tagging", field="tags", decoder="crf", label_smoothing=0.1))


def test_a_metric_is_one_of_the_kind():
    options_of("topics", TaskSettings(kind="multi_label", field="topics", metric="macro_f1"))
    with pytest.raises(SettingsError) as caught:
        options_of("ner", TaskSettings(kind="tagging", field="tags", metric="acuracy"))
    assert str(caught.value) == "tasks.ner.metric: tagging has no metric 'acuracy'; known: f1, precision, recall"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_a_task_comes_back_from_json(task):
    again = restore_task(json.loads(json.dumps(task_state(task), allow_nan=False)))
    assert again == task
    assert type(again) is type(task)


def test_the_json_of_a_task():
    assert task_state(INTENT) == {
        "name": "intent",
        "kind": "single_label",
        "field": "label",
        "weight": 0.5,
        "options": {
            "hidden": 4,
            "layers": "last",
            "pooling": "cls",
            "class_weights": None,
            "label_smoothing": 0.0,
        },
        "labels": [0, "0", "book"],
        "class_weights": [1.0, 2.0, 0.5],
    }


def test_a_kind_of_a_later_version_or_another_package_is_refused():
    with pytest.raises(
        BundleError, match=r"a task of the kind 'ranking', which is not known here; update polyhead, or"
    ):
        restore_task({**task_state(NER), "kind": "ranking"})


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_a_task_that_lacks_something_is_refused(task):
    state = task_state(task)
    for missing in state:
        rest = {key: value for key, value in state.items() if key != missing}
        with pytest.raises(BundleError, match=rf"^the model's description of a task cannot be read: .*'{missing}'"):
            restore_task(rest)


def test_options_of_a_bundle_are_checked():
    state = {**task_state(NER), "options": {"unit": "words"}}
    with pytest.raises(BundleError, match=r"^the model's description of a task cannot be read"):
        restore_task(state)


class Ranking(SingleLabel):
    """A kind of another package, called so in its entry points."""

    kind = "ranking"


class Taken(SingleLabel):
    """A kind of another package that takes the name of ours."""

    kind = "tagging"


@pytest.fixture
def installed(monkeypatch):
    """Install packages with kinds: tables from the name of an entry point to what it names here."""

    def install(*packages):
        points = [
            EntryPoint(name, f"{__name__}:{value}", ENTRY_POINTS) for package in packages for name, value in package
        ]
        monkeypatch.setattr(kinds, "entry_points", lambda group: points if group == ENTRY_POINTS else [])
        known_kinds.cache_clear()

    yield install
    known_kinds.cache_clear()


def test_another_package_adds_a_kind(installed):
    installed([("ranking", "Ranking")])
    assert kind_named("ranking", where="x") is Ranking
    assert list(known_kinds()) == [*KINDS, "ranking"]
    task = Ranking("it", "label", 1.0, SingleLabel.Options(), LabelSet(("a",)))
    assert type(restore_task(task_state(task))) is Ranking


@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        ([("ranking", "nothing")], r"'ranking' of 'polyhead\.kinds' cannot be loaded: .*nothing"),
        ([("ranking", "INTENT")], r"must name a subclass of polyhead\.tasks\.Task whose kind is 'ranking', found"),
        ([("other", "Ranking")], r"must name a subclass of polyhead\.tasks\.Task whose kind is 'other', found"),
        ([("tagging", "Taken")], r"two packages have a kind of task called 'tagging'; remove one of them"),
        ([("ranking", "Ranking")] * 2, r"two packages have a kind of task called 'ranking'"),
    ],
)
def test_a_package_that_names_no_kind_of_its_own_is_refused(installed, points, complaint):
    installed(points)
    with pytest.raises(PolyheadError, match=complaint):
        known_kinds()
