"""Files of tools in which any one value is another: they are read, or refused with file and line."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.converting import annotated
from polyhead.errors import DataError
from polyhead.formats import Way, read_raw
from polyhead.formats.losses import ignore
from polyhead.notices import Notices
from tests.unit.formats.json_texts import values

LABEL_STUDIO = {
    "id": 1,
    "data": {"text": "a b", "n": 1},
    "meta": {"annotated": ["label"]},
    "drafts": [],
    "predictions": [{}],
    "annotations": [
        {
            "was_cancelled": False,
            "ground_truth": True,
            "result": [
                {
                    "type": "labels",
                    "from_name": "x",
                    "to_name": "text",
                    "value": {"start": 0, "end": 1, "labels": ["X"]},
                },
                {"type": "choices", "from_name": "y", "to_name": "text", "value": {"choices": ["Y"]}},
                {"type": "relation", "from_id": "a", "to_id": "b"},
            ],
        }
    ],
}
MINIMAL = {"text": "a b", "ner": [{"start": 0, "end": 1, "labels": ["X"]}], "c": {"choices": ["a"]}, "annotator": 1}
OLD_DOCCANO = {"text": "a", "annotations": [{"label": 1, "start_offset": 0, "end_offset": 1, "user": 1}]}
TOKEN = {"orth": "a", "ner": "U-X", "id": 1}
SPACY = {"paragraphs": [{"raw": "a", "sentences": [{"tokens": [TOKEN]}], "cats": [{"label": "x", "value": 1}]}]}
UTTERANCE = {
    "text": "a b",
    "intent": "x",
    "entities": [
        {"entity": "e", "startPos": 0, "endPos": 0, "children": [{"entity": "f", "startPos": 0, "endPos": 0}]}
    ],
}
EXAMPLE = {"text": "a", "intent": "b", "entities": [{"start": 0, "end": 1, "value": "A", "entity": "x"}]}
SPAN = {"start": 0, "end": 1, "label": "x", "source": "y"}

CASES = {
    "label-studio": [[LABEL_STUDIO], {"tasks": [LABEL_STUDIO]}, [MINIMAL]],
    "doccano": [
        {"text": "a", "label": [[0, 1, "X"]], "relations": []},
        {"text": "a", "cats": ["c"], "entities": [{"start_offset": 0, "end_offset": 1, "label": "x"}]},
        OLD_DOCCANO,
    ],
    "prodigy": [
        {"text": "a", "spans": [SPAN], "tokens": [], "relations": [], "_is_binary": True, "answer": "accept"},
        {"text": "a", "accept": ["x"], "config": {"choice_style": "single"}, "options": [], "answer": "accept"},
    ],
    "spacy-jsonl": [{"text": "a", "cats": {"x": 1.0}, "entities": [[0, 1, "x"]], "spans": [{"start": 0}]}],
    "spacy-json": [[SPACY]],
    "luis": [{"luis_schema_version": "7", "utterances": [UTTERANCE], "composites": []}, [UTTERANCE]],
    "dialogflow": [
        {"name": "x", "userSays": [{"data": [{"text": "a", "alias": "x", "meta": "@y"}], "isTemplate": False}], "id": 1}
    ],
    "rasa-json": [{"rasa_nlu_data": {"common_examples": [EXAMPLE], "lookup_tables": [1], "entity_synonyms": []}}],
}


def places(value, before=()):
    """Every place in a JSON value, as the keys that lead there."""
    yield before
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*before, key))


def changed(value, place, new):
    if not place:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return value


@pytest.mark.parametrize("form", CASES)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_other_value_is_read_or_refused_with_its_place(form, data):
    case = data.draw(st.sampled_from(CASES[form]))
    new = st.one_of(values, st.sampled_from([None, -1, 10**30, [], {}, [[]], [{}], "", {"text": 1}, [None], True, 1.5]))
    content = json.dumps(changed(case, data.draw(st.sampled_from(list(places(case)))), data.draw(new)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(content, encoding="utf-8")
        said = complaint_of(path, form)
    assert said is None or re.match(r"a\.json(:\d+)?: ", said)


def complaint_of(path, form):
    """What is said of a file with its own name for its path; nothing where its records are read."""
    try:
        assert list(annotated(read_raw(path, way=Way(form)), lost=ignore, notices=Notices()))
    except DataError as error:
        return str(error).replace(str(path), path.name)
    return None
