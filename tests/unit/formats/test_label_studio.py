import json

import pytest

from polyhead.formats import Annotated
from polyhead.formats.label_studio import LabelStudio
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read

REST = "what Label Studio keeps of a task besides (ids, people, dates)"


def choice(block, *choices, to="text"):
    return {"from_name": block, "to_name": to, "type": "choices", "value": {"choices": list(choices)}}


def region(start, end, *labels, **more):
    value = {"start": start, "end": end, "labels": list(labels), **more}
    return {"from_name": "ner", "to_name": "text", "type": "labels", "value": value}


def task(*results, text="see New York", **more):
    return {"data": {"text": text}, "annotations": [{"result": list(result)} for result in results], **more}


def reading(folder, *tasks):
    return read(put(folder, "a.json", json.dumps(list(tasks))))


def test_one_choice_a_task_is_a_class_and_labels_are_entities(tmp_path):
    (first, second, third), lost = reading(
        tmp_path,
        task([choice("mood", "good"), region(4, 12, "city", "place", text="New York")]),
        task([choice("mood", "bad")]),
        task(),
    )
    assert (first.label, first.labels) == ("good", None)
    assert entities(first) == [("New York", "city"), ("New York", "place")]
    assert (second.label, entities(second)) == ("bad", [])  # annotated, and others have entities
    assert (third.label, entities(third)) == (None, None)
    assert lost == []


def test_several_choices_in_any_task_make_all_of_them_lists(tmp_path):
    (first, second), _ = reading(tmp_path, task([choice("mood", "good")]), task([choice("mood", "good", "loud")]))
    assert (first.labels, second.labels) == (("good",), ("good", "loud"))
    assert entities(first) is None  # no task has entities: the project may have none


def test_several_blocks_of_choices_keep_their_names(tmp_path):
    (first, second), lost = reading(
        tmp_path, task([choice("mood", "good"), choice("text", "x")]), task([choice("mood", "bad")])
    )
    assert (first.label, first.rest) == (None, {"mood": "good", "text_choices": "x"})
    assert second.rest == {"mood": "bad"}
    assert lost == [("changed", "text", "a block of choices called as another field (read with '_choices' after it)")]


@pytest.mark.parametrize(
    ("annotations", "label", "lost"),
    [
        ([{"was_cancelled": True}, {}], "1", ["an annotation of a task that was skipped"]),
        ([{}, {"ground_truth": True}], "1", ["an annotation of a task that has several"]),
        ([{}, {}, {}], "0", ["an annotation of a task that has several"] * 2),
        ([{"was_cancelled": True}], None, ["an annotation of a task that was skipped"]),
    ],
)
def test_one_annotation_of_a_task_counts_and_the_others_are_told(annotations, label, lost, tmp_path):
    own = task()
    own["annotations"] = [{**more, "result": [choice("c", str(at))]} for at, more in enumerate(annotations)]
    (record,), losses = reading(tmp_path, own)
    assert record.label == label
    assert [reason.split(" (")[0] for _, _, reason in losses] == lost


def test_what_is_neither_class_nor_entity_is_told(tmp_path):
    own = task(
        [
            {"type": "relation", "from_id": "a", "to_id": "b"},
            {"type": "rating", "from_name": "r", "to_name": "text", "value": {"rating": 3}},
            {
                "type": "choices",
                "from_name": "per",
                "to_name": "text",
                "value": {"start": 0, "end": 3, "choices": ["x"]},
            },
            region(0.5, 1.5, "sound"),
            region(0, 3, "x", text="other"),
        ],
        id=7,
        meta={"a": 1},
        drafts=[{}],
        predictions=[{}, {}],
    )
    (record,), lost = reading(tmp_path, own)
    assert record == Annotated("see New York", source=record.source)
    assert [reason for _, _, reason in lost] == [
        "one of the predictions of a task",
        "one of the predictions of a task",
        "one of the drafts of a task",
        REST,
        "an entry of the meta of a task",
        "an annotation of the type 'relation'",
        "an annotation of the type 'rating'",
        "an annotation of the type 'choices'",
        "an annotation of the type 'labels'",
        "an entity that says another text than stands there",
    ]


def test_places_that_a_browser_counted_are_found_by_their_text(tmp_path):
    (record,), lost = reading(
        tmp_path, task([region(3, 6, "x", text="Ann"), region(3, 5, "y", text="nn")], text="😀 Ann\nBo")
    )
    assert entities(record) == [("Ann", "x"), ("nn", "y")]
    assert lost == []


def test_a_newline_may_be_two_characters_in_what_an_entity_says(tmp_path):
    (record,), lost = reading(tmp_path, task([region(0, 3, "x", text="a\\nb")], text="a\nb"))
    assert (entities(record), lost) == ([("a\nb", "x")], [])


def test_the_text_is_the_data_that_the_annotations_are_of(tmp_path):
    own = task([choice("c", "x", to="title")])
    own["data"] = {"title": "A title", "n": 3}
    (record,), lost = reading(tmp_path, own)
    assert (record.text, record.label, record.rest, lost) == ("A title", "x", {"n": 3}, [])


def test_other_data_of_a_task_stays_and_what_has_the_name_of_an_annotation_is_told(tmp_path):
    own = task([choice("c", "x")])
    own["data"] |= {"label": "old", "id": 5}
    (record,), lost = reading(tmp_path, own)
    assert (record.label, record.rest) == ("x", {"id": 5})
    assert lost == [("dropped", "label='old'", "data of a task under the name of an annotation")]


def test_tasks_in_an_object_are_read_and_its_other_parts_told(tmp_path):
    path = put(tmp_path, "a.json", json.dumps({"tasks": [task([choice("c", "x")])], "label_config": "<View/>"}))
    (record,), lost = read(path)
    assert record.label == "x"
    assert lost == [("dropped", "label_config", "the part 'label_config' of a Label Studio file")]


def test_json_min(tmp_path):
    flat = {"text": "see Rome", "annotation_id": 3, "lead_time": 1.5, "id": 1}
    first = {**flat, "ner": [{"start": 4, "end": 8, "text": "Rome", "labels": ["city"]}], "c": {"choices": ["a", "b"]}}
    (one, two), lost = reading(tmp_path, first, {**flat, "mood": "good"})
    assert (one.labels, entities(one)) == (("a", "b"), [("Rome", "city")])
    assert two.rest == {"mood": "good"}  # a single choice looks like any other data
    assert {reason for _, _, reason in lost} == {REST}


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        (
            {"data": {"image": "a.png"}, "annotations": [{"result": [{"type": "polygonlabels", "value": {}}]}]},
            "a.json:1: a task about something other than text: polygonlabels and no data 'text'",
        ),
        (
            {"data": {"audio": "a.wav"}, "annotations": [{"result": [region(0.5, 1.5, "x")]}]},
            "a.json:1: a task about something other than text: labels and no data 'text'",
        ),
        (
            {
                "data": {"img": "a.png"},
                "annotations": [{"result": [{"type": "rectanglelabels", "to_name": "img", "value": {}}]}],
            },
            "a.json:1: a task about something other than text: rectanglelabels and no data 'text'",
        ),
        ({"data": {"title": "a"}, "annotations": []}, "a.json:1: no field 'sentence' or 'text' for the text; fields"),
        ({"data": {"text": "a"}, "annotations": 1}, "a.json:1: annotations must be a list, found a number"),
        ({"data": {"text": "a"}, "annotations": [{"result": [1]}]}, "each of the result of an annotation must be an"),
        ({"data": {"text": "a"}, "annotations": [{"result": [choice("a", {})]}]}, "a class must be an integer or a"),
    ],
)
def test_a_task_that_cannot_be_read_is_refused_with_its_line(own, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.json", json.dumps([own])), "label-studio")


def test_what_is_written_is_what_label_studio_imports(tmp_path):
    record = Annotated("see Rome", "good", ("a",), Spans((Span(4, 8, "city"),)), {"n": 1})
    LabelStudio().write([record, Annotated("b")], tmp_path / "a.json", lambda loss: None)
    first, second = json.loads((tmp_path / "a.json").read_text())
    assert first["data"] == {"text": "see Rome", "n": 1}
    assert first["meta"] == {"annotated": ["label", "labels", "entities"]}
    assert first["annotations"][0]["result"][2] == {
        "id": "entity-0",
        "from_name": "entities",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 4, "end": 8, "text": "Rome", "labels": ["city"]},
    }
    assert second == {"data": {"text": "b"}, "annotations": []}
