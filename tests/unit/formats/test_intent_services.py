import json

import pytest

from polyhead.formats import Annotated
from polyhead.formats.luis import Luis
from polyhead.formats.place import opened
from polyhead.formats.watson import Watson
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read


def app(*utterances, **parts):
    return json.dumps({"luis_schema_version": "7.0.0", "culture": "en-us", "utterances": utterances, **parts})


def test_an_app_of_luis(tmp_path):
    utterance = {
        "text": "to New York now",
        "intent": "go",
        "entities": [
            {
                "entity": "place",
                "startPos": 3,
                "endPos": 10,
                "role": "to",
                "children": [{"entity": "state", "startPos": 7, "endPos": 10}],
            },
            {"entity": "time", "startPos": 12, "endPos": 14, "value": "now"},
        ],
    }
    parts = {"composites": [{"name": "c"}], "intents": [{"name": "go"}], "closedLists": []}
    (one, two), lost = read(put(tmp_path, "a.json", app(utterance, {"text": "b", "intent": ""}, **parts)))
    assert (one.label, entities(one)) == ("go", [("New York", "place"), ("York", "state"), ("now", "time")])
    assert two.fields() == {"text": "b"}
    assert lost == [
        ("dropped", "[New York]place role='to'", "the role of an entity"),
        ("dropped", "{'name': 'c'}", "an entry of 'composites' of a LUIS app"),
    ]


def test_labelled_utterances_of_luis(tmp_path):
    line = {
        "text": "to Rome",
        "intentName": "go",
        "entityLabels": [{"entityName": "city", "startCharIndex": 3, "endCharIndex": 6}],
    }
    (record,), lost = read(put(tmp_path, "a.json", json.dumps([line])))
    assert (record.label, entities(record), lost) == ("go", [("Rome", "city")], [])


def test_an_app_is_written_with_what_is_in_it(tmp_path):
    records = [Annotated("to Rome", "go", None, Spans((Span(3, 7, "city"),))), Annotated("b", "x", None, Spans(()))]
    Luis().write(records, tmp_path / "app.json", lambda loss: None)
    found = json.loads((tmp_path / "app.json").read_text())
    assert found["utterances"] == [
        {"text": "to Rome", "intent": "go", "entities": [{"entity": "city", "startPos": 3, "endPos": 6}]},
        {"text": "b", "intent": "x", "entities": []},
    ]
    assert (found["intents"], found["entities"]) == (
        [{"name": "go"}, {"name": "x"}],
        [{"name": "city", "roles": []}],
    )
    assert (found["name"], found["luis_schema_version"]) == ("app", "7.0.0")


PHRASES = [
    {
        "id": "1",
        "data": [
            {"text": "from "},
            {"text": "Rome", "alias": "from", "meta": "@sys.geo-city", "userDefined": True},
            {"text": " in "},
            {"text": "May", "meta": "@month"},
            {"text": " please", "meta": "@sys.ignore"},
        ],
        "count": 3,
    },
    {"data": [{"text": "@sys.date:date"}], "isTemplate": True},
]


def test_an_intent_of_dialogflow_is_called_by_its_name_though_it_comes_last(tmp_path):
    content = {"userSays": PHRASES, "id": "x", "auto": True, "events": [], "name": "travel", "responses": [{"a": 1}]}
    (record,), lost = read(put(tmp_path, "a.json", json.dumps(content)))
    assert (record.text, record.label) == ("from Rome in May please", "travel")
    assert entities(record) == [("Rome", "from"), ("May", "month")]
    assert [(what, reason) for _, what, reason in lost] == [
        ("responses=[{'a': 1}]", "the responses of an intent"),
        ("id, count", "what Dialogflow keeps of a phrase besides (ids, counts, dates)"),
        ("from is @sys.geo-city", "the entity that a parameter takes its values from"),
        (" please", "a part of a phrase that is to be ignored (@sys.ignore)"),
        ("@sys.date:date", "a template, which is no text that anyone said"),
    ]


@pytest.mark.parametrize(("name", "label"), [("travel.home_usersays_en.json", "travel.home"), ("a.json", None)])
def test_phrases_alone_are_of_the_intent_that_their_file_is_called_after(name, label, tmp_path):
    (record,), _ = read(put(tmp_path, name, json.dumps(PHRASES)), "dialogflow")
    assert record.label == label


def test_an_intent_of_dialogflow_without_phrases_has_no_record(tmp_path):
    path = put(tmp_path, "a.json", json.dumps({"id": "x", "name": "travel", "auto": True}))
    assert complaint(path, "dialogflow") == "a.json: no record in it"


def test_rows_of_watson_are_numbered_by_their_first_line(tmp_path):
    path = put(tmp_path, "a.csv", 'a,x\n"two\nlines, ""b""", y \nc,z')
    records, _ = read(path, "watson")
    assert [(own.text, own.label, own.source.line) for own in records] == [
        ("a", "x", 1),
        ('two\nlines, "b"', "y", 2),
        ("c", "z", 4),
    ]


@pytest.mark.parametrize(
    ("content", "form", "wanted"),
    [
        ("a,x\nb\n", "watson", "a.json:2: a row must be a text and an intent, found 1 values"),
        ("a, b,x\n", "watson", "a.json:1: a row must be a text and an intent, found 3 values"),
        ("a,\n", "watson", "a.json:1: a row must be a text and an intent"),
        ('a,x\n"b,x\n', "watson", "a.json:2: not valid CSV: unexpected end of data"),
        (app({"text": "a", "entities": [{"entity": "x", "startPos": "0"}]}), "luis", "must be a whole number"),
        (app({"intent": "a"}), "luis", "a.json:1: the text of an utterance must be a string, found nothing"),
        ('{"userSays": [\n{"data": [{"text": 1}]}]}', "dialogflow", "a.json:2: the text of a phrase must be a string"),
        ('{"userSays": [\n1]}', "dialogflow", "a.json:2: a phrase must be an object, found a number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content, form, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.json", content), form)


def test_no_csv_is_taken_for_one_of_watson(tmp_path):
    with opened(put(tmp_path, "a.csv", "a,x\n")) as place:
        assert not Watson().fits(place)
