"""Data sets to records: which tasks each feeds, what chooses the best epoch, what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from polyhead.errors import DataError, SettingsError
from polyhead.notices import Notices
from polyhead.records import Span, Spans
from polyhead.training.data import TrainingData, load_data
from tests.training.conftest import settings_with

Write = Callable[..., Path]

TASKS = {
    "intent": {"kind": "single_label", "field": "label"},
    "ner": {"kind": "tagging", "field": "ner_tags"},
}


def load(sets: Mapping[str, Any], tasks: Mapping[str, Any] | None = TASKS, **flags: Any) -> TrainingData:
    return load_data(settings_with(sets=sets, tasks=tasks, **flags), Notices())


def notices_of(sets: Mapping[str, Any], tasks: Mapping[str, Any] | None = TASKS) -> list[str]:
    notices = Notices()
    load_data(settings_with(sets=sets, tasks=tasks), notices)
    return notices.lines()


def complaint(sets: Mapping[str, Any], tasks: Mapping[str, Any] | None = TASKS) -> str:
    with pytest.raises((SettingsError, DataError)) as caught:
        load(sets, tasks)
    return str(caught.value)


def labelled(*labels: Any, field: str = "label") -> list[dict[str, Any]]:
    return [{"text": f"text {at} of {label}", field: label} for at, label in enumerate(labels)]


def tagged(*types: str, field: str = "ner_tags") -> list[dict[str, Any]]:
    return [{"text": f"tagged {at}", field: ["O", f"B-{name}"]} for at, name in enumerate(types)]


def test_each_set_keeps_its_name_weight_and_records(write: Write) -> None:
    first, second = write(labelled("a", "b"), "1.jsonl"), write(tagged("LOC"), "2.jsonl")
    data = load({"one": {"train": first, "weight": 0.25}, "two": {"train": second}})
    assert [(own.name, own.weight) for own in data.sets] == [("one", 0.25), ("two", 1.0)]
    assert [[record.text for record in own.train] for own in data.sets] == [
        ["text 0 of a", "text 1 of b"],
        ["tagged 0"],
    ]
    assert [record.text for record in data.train] == ["text 0 of a", "text 1 of b", "tagged 0"]
    assert [(task.name, task.kind) for task in data.tasks] == [("intent", "single_label"), ("ner", "tagging")]


def test_labels_are_those_of_all_sets_together(write: Write) -> None:
    sets = {name: {"train": write(labelled(*labels), f"{name}.jsonl")} for name, labels in (("x", "ab"), ("y", "bc"))}
    data = load(sets, {"intent": TASKS["intent"]})
    assert data.tasks[0].label_names() == ["a", "b", "c"]


def test_a_set_may_have_several_files_and_all_are_accounted_for(write: Write) -> None:
    paths = [write(labelled(*labels), f"{at}.jsonl") for at, labels in enumerate(("a", "bc", "abc"))]
    data = load({"x": {"train": paths[:2]}, "y": {"train": paths[2], "dev": paths[0]}}, {"intent": TASKS["intent"]})
    assert [len(own.train) for own in data.sets] == [3, 3]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert data.files == [
        {"path": str(paths[at]), "sha256": digests[at], "records": count}
        for at, count in ((0, 1), (1, 2), (2, 3), (0, 1))
    ]


def test_a_set_feeds_the_tasks_that_it_names_and_no_other(write: Write) -> None:
    both = [{"text": "Anna ran", "label": "x", "ner_tags": ["B-PER", "O"]}]
    rest = [{"text": "Berlin", "label": "a", "ner_tags": ["B-LOC"]}]
    sets = {
        "all": {"train": write(rest, "all.jsonl")},
        "tags": {"train": write(both, "tags.jsonl"), "tasks": ["ner"]},
    }
    data = load(sets)
    assert [set(record.annotations) for record in data.train] == [{"intent", "ner"}, {"ner"}]
    assert data.tasks[0].label_names() == ["a"], "a label of a set that does not feed the task is not learnt"
    assert data.tasks[1].label_names() == ["LOC", "PER"]
    assert any("field 'label', which no task reads" in line for line in notices_of(sets))


def test_a_task_reads_another_field_in_another_set(write: Write) -> None:
    sets = {
        "ours": {"train": write(labelled("a", "b"), "1.jsonl")},
        "theirs": {"train": write(labelled("b", "c", field="topic"), "2.jsonl"), "tasks": {"intent": "topic"}},
    }
    data = load(sets, {"intent": TASKS["intent"]})
    assert [record.annotations["intent"] for record in data.train] == ["a", "b", "b", "c"]
    assert data.tasks[0].field == "label", "which is what evaluation reads"
    assert data.tasks[0].label_names() == ["a", "b", "c"]


def test_each_set_has_text_fields_of_its_own(write: Write) -> None:
    pairs = [{"premise": "a man", "hypothesis": "a person", "label": "yes"}]
    sets = {
        "pairs": {"train": write(pairs, "1.jsonl"), "text_field": "premise", "second_field": "hypothesis"},
        "single": {"train": write(labelled("no"), "2.jsonl")},
    }
    data = load(sets, {"intent": TASKS["intent"]})
    assert [record.texts for record in data.train] == [("a man", "a person"), "text 0 of no"]


def test_dev_files_are_read_as_their_set_is(write: Write) -> None:
    own = labelled("a", field="topic")
    sets = {
        "x": {
            "train": write(own, "1.jsonl"),
            "dev": write([{**own[0], "ner_tags": ["B-LOC"]}], "2.jsonl"),
            "tasks": {"intent": "topic"},
        },
        "y": {"train": write(tagged("LOC"), "3.jsonl"), "dev": write(tagged("LOC"), "4.jsonl"), "tasks": ["ner"]},
    }
    dev_x, dev_y = (own.dev for own in load(sets).sets)
    assert [record.annotations for record in dev_x] == [{"intent": "a"}]
    assert [record.annotations for record in dev_y] == [{"ner": Spans((Span(7, 8, "LOC"),))}]


def test_an_unknown_task_of_a_set_is_named(write: Write) -> None:
    sets = {"x": {"train": write(labelled("a")), "tasks": ["intent", "nre"]}}
    assert complaint(sets) == "data.sets.x.tasks: no task 'nre'; known: intent, ner (did you mean 'ner'?)"
    sets = {"x": {"train": write(labelled("a")), "tasks": {"intnet": "label"}}}
    assert complaint(sets) == "data.sets.x.tasks: no task 'intnet'; known: intent, ner (did you mean 'intent'?)"


def test_a_task_that_no_set_feeds_is_named(write: Write) -> None:
    sets = {"x": {"train": write(labelled("a")), "tasks": ["intent"]}}
    assert complaint(sets) == "tasks.ner: no data set feeds it; name it in data.sets.NAME.tasks"


def test_a_task_whose_field_is_in_no_file_of_the_sets_that_feed_it(write: Write) -> None:
    fed, other = write(labelled("a"), "fed.jsonl"), write(tagged("LOC"), "other.jsonl")
    sets = {"x": {"train": fed}, "y": {"train": other, "tasks": ["intent"]}}
    said = complaint(sets)
    assert (
        said == f"tasks.ner.field: no record of {fed} has the field 'ner_tags'; known: " + said.rpartition("known: ")[2]
    )
    assert {"text", "label"} == set(said.rpartition("known: ")[2].split(", "))


def test_the_field_that_a_set_should_have_had_is_the_one_it_names(write: Write) -> None:
    path = write(labelled("a", field="topic"))
    said = complaint({"x": {"train": path, "tasks": {"intent": "topik"}}}, {"intent": TASKS["intent"]})
    assert "has the field 'topik'" in said
    assert "did you mean 'topic'?" in said


@pytest.mark.parametrize("own", [{}, {"dev": "dev.jsonl"}])
def test_a_set_without_training_files_is_named(own: dict[str, str], write: Write) -> None:
    sets = {"x": {"train": write(labelled("a"))}, "y": own}
    assert complaint(sets) == "no training data: give DATA, or data.sets.y.train in a settings file"


@pytest.mark.parametrize("own", [{"train": "-"}, {"train": "x.jsonl", "dev": "-"}])
def test_standard_input_is_no_file(own: dict[str, str]) -> None:
    assert complaint({"x": own}).startswith("training data must be in files")


def test_the_usual_tasks_are_found_in_all_sets_together(write: Write) -> None:
    sets = {"x": {"train": write(labelled(1), "1.jsonl")}, "y": {"train": write(tagged("LOC"), "2.jsonl")}}
    assert [task.name for task in load(sets, None).tasks] == ["classification", "ner"]
    assert [task.name for task in load({"y": sets["y"]}, None).tasks] == ["ner"]
    named = {**sets, "y": {**sets["y"], "tasks": ["ner"]}}
    assert [set(record.annotations) for record in load(named, None).train] == [{"classification"}, {"ner"}]


def test_only_a_set_without_dev_files_has_dev_data_held_out(write: Write) -> None:
    many = labelled(*"ab" * 50)
    sets = {
        "given": {"train": write(many, "1.jsonl"), "dev": write(labelled("a"), "2.jsonl")},
        "split": {"train": write(many[:40], "3.jsonl")},
        "tiny": {"train": write(labelled("b"), "4.jsonl")},
    }
    given, split, tiny = load(sets, {"intent": TASKS["intent"]}).sets
    assert (len(given.train), len(given.dev), given.held_out) == (100, 1, False)
    assert (len(split.train), len(split.dev), split.held_out) == (36, 4, True)
    assert (len(tiny.train), len(tiny.dev), tiny.held_out) == (1, 0, True)
    assert not {record.text for record in split.train} & {record.text for record in split.dev}


def test_dev_data_are_those_of_all_sets(write: Write) -> None:
    many = labelled(*"ab" * 50)
    sets = {
        "given": {"train": write(many, "1.jsonl"), "dev": write(labelled("a"), "2.jsonl")},
        "split": {"train": write(many[:40], "3.jsonl")},
    }
    data = load(sets, {"intent": TASKS["intent"]})
    assert data.dev == [*data.sets[0].dev, *data.sets[1].dev]
    assert len(data.dev) == 5


def test_dev_files_without_annotations_of_a_task_are_told(write: Write) -> None:
    both = [{"text": "Anna ran", "label": "x", "ner_tags": ["B-PER", "O"]}]
    train, dev = write(both, "train.jsonl"), write(labelled("x", "x"), "dev.jsonl")
    lines = notices_of({"x": {"train": train, "dev": dev}})
    assert lines == [
        "1 dev file lacks annotations of the task 'ner' (it has no part in choosing the best epoch); "
        "first: no field 'ner_tags' in any of 2 records"
    ]
    assert notices_of({"x": {"train": train, "dev": train}}) == []
    assert notices_of({"x": {"train": train, "dev": dev}, "y": {"train": train, "dev": train}}) == []


def test_dev_files_without_annotations_of_a_task_are_told_beside_a_set_that_cannot_help(write: Write) -> None:
    """The dev data that are held out of the other set have nothing to say to the task either."""
    sets = {
        "tags": {
            "train": write(tagged("LOC"), "1.jsonl"),
            "dev": write([{"text": "no tags"}], "2.jsonl"),
            "tasks": ["ner"],
        },
        "labels": {"train": write(labelled(*"ab" * 50), "3.jsonl"), "tasks": ["intent"]},
    }
    assert any("annotations of the task 'ner'" in line for line in notices_of(sets))


def test_records_without_annotation_are_left_out_and_told(write: Write) -> None:
    path = write([*labelled("a"), {"text": "bare"}, {"text": "bare too", "label": None}])
    sets = {"x": {"train": path}}
    assert [record.text for record in load(sets, {"intent": TASKS["intent"]}).train] == ["text 0 of a"]
    (line,) = notices_of(sets, {"intent": TASKS["intent"]})
    assert line.startswith("2 records carry no annotation of any task (left out of training); ")
    assert f"{path}:2" in line


def test_records_without_annotation_are_kept_for_teachers(write: Write) -> None:
    path = write([*labelled("a"), {"text": "bare"}])
    data = load({"x": {"train": path}}, {"intent": TASKS["intent"]}, **{"teacher.models": "a model"})
    assert [record.text for record in data.train] == ["text 0 of a", "bare"]
    assert data.train[1].annotations == {}


def test_a_longer_text_than_allowed_is_refused_in_any_set(write: Write) -> None:
    sets = {"x": {"train": write(labelled("a"), "1.jsonl")}, "y": {"train": write([{"text": "x" * 50}], "2.jsonl")}}
    with pytest.raises(DataError, match=r"2\.jsonl:1: the text has 50 characters, the limit is 20"):
        load(sets, {"intent": TASKS["intent"]}, **{"data.max_characters": 20})


def test_files_without_a_set_are_one_set(write: Write) -> None:
    path = write(labelled(*"ab" * 20))
    data = load_data(
        settings_with(**{"data.train": path, "data.dev": path}, tasks={"intent": TASKS["intent"]}), Notices()
    )
    (own,) = data.sets
    assert (own.weight, own.held_out, len(own.train), len(own.dev)) == (1.0, False, 40, 40)


def by_characters(*surfaces: str) -> list[dict[str, Any]]:
    return [
        {"text": f"go to {surface}.", "entities": [{"start": 6, "end": 6 + len(surface), "label": "LOC"}]}
        for surface in surfaces
    ]


def test_entities_by_characters_are_a_task_of_words_without_their_punctuation(write: Write) -> None:
    data = load({"one": {"train": write(by_characters("Rome", "Oslo"), "1.jsonl")}}, tasks=None)
    (task,) = data.tasks
    assert (task.name, task.kind, task.field, task.options.unit) == ("ner", "tagging", "entities", "pretokenizer")
    assert [record.annotations["ner"] for record in data.train] == [Spans((Span(6, 10, "LOC"),))] * 2


def test_tags_are_a_task_of_whitespace_words(write: Write) -> None:
    first = {"text": "nothing here", "ner_tags": []}
    (task,) = load({"one": {"train": write([first, *tagged("LOC")], "1.jsonl")}}, tasks=None).tasks
    assert task.options.unit == "whitespace"


def test_a_list_of_classes_is_a_task(write: Write) -> None:
    records = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    (task,) = load({"one": {"train": write(records, "1.jsonl")}}, tasks=None).tasks
    assert (task.name, task.kind) == ("labels", "multi_label")
