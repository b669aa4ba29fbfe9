"""Files that other tools wrote, counted apart from our readers, and SNIPS there and back through each format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polyhead.converting import convert
from polyhead.formats import format_named
from tests.unit.formats.reads import complaint, entities, read

DATA = Path(__file__).parents[4] / "shared" / "data"
FILES = DATA / "formats"
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="../shared/data is not there")

COUNTS = {
    # records, entities, records whose entities are known, classes, records with a class, different classes
    "rasa/demo-rasa-multi-intent.yml": (46, 14, 46, 46, 46, 6),
    "rasa/demo-rasa.md": (42, 14, 42, 42, 42, 4),
    "rasa/knowledgebasebot_nlu.yml": (44, 53, 44, 44, 44, 4),
    "rasa/nlu_eval_fold1_test.rasa.json": (1076, 880, 1076, 1076, 1076, 64),
    "label_studio/csv_test.json": (2, 0, 0, 0, 0, 0),
    "label_studio/csv_test2.json": (1, 0, 0, 1, 1, 1),
    "label_studio/csv_test_history.json": (1, 0, 0, 1, 1, 1),
    "label_studio/ner_labels_task_and_draft_result.json": (1, 0, 0, 0, 0, 0),
    "doccano/classification.jsonl": (3, 0, 0, 3, 3, 2),
    "doccano/labeling.jsonl": (2, 11, 2, 0, 0, 0),
    "doccano/labeling_text_label.jsonl": (2, 11, 2, 0, 0, 0),
    "doccano/labeling.spacy.user1": (1, 5, 1, 0, 0, 0),
    "prodigy_spacy/annotations_first60.jsonl": (60, 193, 60, 0, 0, 0),
    "prodigy_spacy/cooking-dev_multilabel_first40.jsonl": (40, 0, 0, 74, 40, 11),
    "prodigy_spacy/docs_issues_eval_first60.jsonl": (60, 0, 0, 22, 22, 1),
    "prodigy_spacy/drugs_eval_first60.jsonl": (60, 31, 60, 0, 0, 0),
    "prodigy_spacy/fashion_brands_eval_first60.jsonl": (60, 39, 60, 0, 0, 0),
    "prodigy_spacy/food_data_first60.jsonl": (60, 122, 60, 0, 0, 0),
    "prodigy_spacy/ner_tweets_first60.jsonl": (60, 35, 56, 0, 0, 0),
    "prodigy_spacy/spacy_cooking.jsonl": (10, 0, 0, 10, 10, 2),
    "nlu_services/dialogflow_intent_iot_hue_lighton.json": (35, 11, 35, 35, 35, 1),
    "nlu_services/luis_app_trimmed60.json": (60, 95, 60, 60, 60, 1),
    "nlu_services/watson_intents_first200.csv": (200, 0, 0, 200, 200, 2),
    "brat": (14, 132, 14, 0, 0, 0),
    "brat/news": (7, 27, 7, 0, 0, 0),
    "brat/NCBI-disease": (7, 105, 7, 0, 0, 0),
}
NAMED = {"nlu_services/watson_intents_first200.csv": "watson"}


@pytest.mark.parametrize("name", COUNTS)
def test_a_real_file_has_the_records_that_it_has(name):
    records, _ = read(FILES / name, NAMED.get(name))
    classes = [label for own in records for label in ([own.label] if own.label is not None else own.labels or ())]
    assert (
        len(records),
        sum(len(own.spans.spans) for own in records if own.spans),
        sum(own.spans is not None for own in records),
        len(classes),
        sum(own.label is not None or own.labels is not None for own in records),
        len(set(classes)),
    ) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_what_was_read_and_written_as_json_lines_is_read_again(name, tmp_path):
    """With all fields that the tool wrote besides, by which the file must not be taken for the tool's own."""
    convert(FILES / name, tmp_path / "a.jsonl", form=NAMED.get(name))
    again, lost = read(tmp_path / "a.jsonl")
    assert [own.fields() for own in again] == [own.fields() for own in read(FILES / name, NAMED.get(name))[0]]
    assert lost == []


def test_annotations_of_images_are_refused():
    assert "something other than text: polygonlabels" in complaint(FILES / "label_studio/json_full_image_polygon.json")


SURFACES = {
    "rasa/demo-rasa-multi-intent.yml": (49, [("north", "location")]),
    "rasa/demo-rasa.md": (38, [("north", "location")]),
    "doccano/labeling_text_label.jsonl": (
        1,
        [
            ("JAPAN", "LOC"),
            ("CHINA", "PER"),
            ("Nadim Ladki", "PER"),
            ("AL-AIN", "LOC"),
            ("United Arab Emirates", "LOC"),
        ],
    ),
    "doccano/labeling.spacy.user1": (
        2,
        [("JAPAN", "12"), ("CHINA", "13"), ("Nadim Ladki", "13"), ("AL-AIN", "12"), ("United Arab Emirates", "12")],
    ),
    "prodigy_spacy/ner_tweets_first60.jsonl": (1, [("Remus Lupin", "PERSON")]),
    "nlu_services/dialogflow_intent_iot_hue_lighton.json": (
        3,
        [("disco lights", "device_type"), ("apartment", "house_place")],
    ),
}


@pytest.mark.parametrize("name", SURFACES)
def test_an_entity_and_the_line_of_its_record_are_those_that_a_reader_sees(name):
    records, _ = read(FILES / name)
    line, wanted = SURFACES[name]
    assert next((own.source.line, entities(own)) for own in records if own.spans and own.spans.spans) == (line, wanted)


TOLD = {
    "rasa/demo-rasa-multi-intent.yml": {"a synonym": 2, "a regex": 2, "the value of an entity": 1},
    "rasa/demo-rasa.md": {"a synonym": 2, "a regex": 1, "the value of an entity": 1},
    "rasa/knowledgebasebot_nlu.yml": {"the value of an entity": 32, "a lookup": 2},
    "rasa/nlu_eval_fold1_test.rasa.json": {},
    "nlu_services/luis_app_trimmed60.json": {},
    "brat/news": {
        "an attribute of an entity": 5,
        "a relation between entities": 3,
        "an event": 1,
        "a note of an annotator": 1,
        "a link of an entity to a knowledge base": 1,
        "a group of entities that mean the same": 1,
    },
}


@pytest.mark.parametrize("name", TOLD)
def test_what_no_record_takes_over_is_told(name):
    _, lost = read(FILES / name)
    reasons = [reason for _, _, reason in lost]
    assert {reason: reasons.count(reason) for reason in reasons} == TOLD[name]


ORDER = ("changed", "the order of the records (they stand by their class)", 1)
AS_LIST = ("changed", "the one class of a text (written as a list of one)", 700)
SNIPS = {
    "rasa": ([ORDER], lambda fields: fields),
    "rasa-json": ([], lambda fields: fields),
    "label-studio": ([], lambda fields: fields),
    "doccano": ([], lambda fields: fields),
    "prodigy": ([], lambda fields: fields),
    "luis": ([], lambda fields: fields),
    "docbin": ([AS_LIST], lambda fields: {**without(fields, "label"), "labels": [fields["label"]]}),
    "brat": ([("dropped", "the one class of a text", 700)], lambda fields: without(fields, "label")),
}


def without(fields, name):
    return {key: value for key, value in fields.items() if key != name}


@pytest.mark.parametrize("form", SNIPS)
@pytest.mark.parametrize(("part", "count"), [("dev", 700), pytest.param("train", 13084, marks=pytest.mark.slow)])
def test_snips_comes_back_but_for_what_is_told(part, count, form, tmp_path):
    losses, change = SNIPS[form]
    losses = [
        (how, reason, count if times == 700 else times)
        for how, reason, times in losses
        if part == "train" or (how, reason, times) != ORDER  # classes stand together in dev.jsonl
    ]
    source = DATA / "snips" / f"{part}.jsonl"
    there = convert(source, tmp_path / "there", to=form)
    back = convert(tmp_path / "there", tmp_path / "back.jsonl", form=form)
    assert [(loss["how"], loss["reason"], loss["count"]) for loss in there["losses"]] == losses
    assert back["losses"] == []
    wanted = [change(record.fields()) for record in read(source)[0]]
    found = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    if not format_named(form).holds.order:
        wanted, found = (sorted(records, key=json.dumps) for records in (wanted, found))
    assert found == wanted
