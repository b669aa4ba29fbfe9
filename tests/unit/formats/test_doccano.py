import json

import pytest

from polyhead.formats import Annotated
from polyhead.formats.doccano import Doccano
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read


def reading(folder, *lines):
    return read(put(folder, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines)), "doccano")


def test_labels_are_classes_or_entities_as_they_look(tmp_path):
    (one, two, three, four), lost = reading(
        tmp_path,
        {"id": 1, "text": "see Rome", "label": [[4, 8, "city"]]},
        {"text": "see Rome", "labels": ["a", "b"]},
        {"text": "see Rome", "label": "a"},
        {"text": "see Rome", "cats": ["a"], "entities": [[0, 3, "x"]]},
    )
    assert (entities(one), one.labels, one.rest) == ([("Rome", "city")], None, {"id": 1})
    assert (entities(two), two.labels) == (None, ("a", "b"))
    assert (three.label, three.labels) == ("a", None)
    assert (entities(four), four.labels) == ([("see", "x")], ("a",))
    assert lost == []


@pytest.mark.parametrize(
    ("other", "wanted"),
    [([[0, 1, "x"]], ("entities", [])), (["x"], ("labels", [])), (None, ("nothing", None))],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_empty_list_is_of_what_the_other_lines_have(other, wanted, first, tmp_path):
    empty, full = {"text": "a", "label": []}, {"text": "b", "label": other}
    records, lost = reading(tmp_path, *([empty, full] if first else [full, empty]))
    record = records[0 if first else 1]
    found = record.fields()
    assert record.text == "a"
    assert {name: value for name, value in found.items() if name != "text"} == (
        {} if wanted[1] is None else {wanted[0]: wanted[1]}
    )
    assert [reason for _, _, reason in lost] == (
        ["an empty list of labels, which does not say of what"] if wanted[1] is None else []
    )


def test_relations_are_told_and_entities_may_be_objects(tmp_path):
    (record,), lost = reading(
        tmp_path,
        {
            "text": "see Rome",
            "entities": [{"id": 1, "label": "city", "start_offset": 4, "end_offset": 8}],
            "relations": [{"id": 1, "from_id": 1, "to_id": 1, "type": "x"}],
            "Comments": [],
        },
    )
    assert (entities(record), record.rest) == ([("Rome", "city")], {"Comments": []})
    assert [reason for _, _, reason in lost] == ["a relation between entities"]


def test_old_exports_have_numbers_for_labels_and_several_users(tmp_path):
    def mark(label, start, user):
        return {"label": label, "start_offset": start, "end_offset": start + 1, "user": user}

    (one, two, three), lost = reading(
        tmp_path,
        {"text": "abc", "annotations": [mark(7, 0, 1), mark(7, 0, 2), mark(8, 1, 2)]},
        {"text": "abc", "annotations": [{"label": 3, "user": 1}, {"label": 4, "user": 1}]},
        {"text": "abc", "annotations": [{"text": "a summary", "user": 1}]},
    )
    assert entities(one) == [("a", "7")]
    assert two.labels == (3, 4)
    assert three.fields() == {"text": "abc"}
    assert [reason for _, _, reason in lost] == [
        "what another user than the first annotated otherwise",
        "the number that an entity has for its label (read as a string)",
        "an annotation that is a text",
    ]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ({"text": "a", "label": [[0, 1]]}, "a.jsonl:1: an entity must be [start, end, label]"),
        ({"text": "a", "label": [["0", 1, "x"]]}, "a.jsonl:1: entity 1: start and end must be whole numbers"),
        ({"text": "a", "label": 1.5}, "a.jsonl:1: the labels must be a list, found a number"),
        ({"label": ["x"]}, "a.jsonl:1: the text must be a string, found nothing"),
        ({"text": "a", "annotations": ["x"]}, "a.jsonl:1: each of annotations must be an object, found a string"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused(line, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.jsonl", json.dumps(line)), "doccano")


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (Annotated("a", "x"), {"label": "x"}),
        (Annotated("a", None, ("x",)), {"label": ["x"]}),
        (Annotated("a", None, None, Spans((Span(0, 1, "x"),))), {"label": [[0, 1, "x"]]}),
        (Annotated("a", "x", None, Spans((Span(0, 1, "y"),))), {"cats": "x", "entities": [[0, 1, "y"]]}),
        (Annotated("a", None, None, Spans(())), {"entities": []}),
        (Annotated("a", None, (), None, {"id": 3}), {"cats": [], "id": 3}),
        (Annotated("a", "x", ("y",)), {"label": "x", "cats": ["y"]}),
    ],
)
def test_what_is_written(record, wanted, tmp_path):
    Doccano().write([record], tmp_path / "a.jsonl", lambda loss: None)
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {"text": "a", **wanted}
