import json

import pytest

from polyhead.converting import FieldNames, annotated, convert
from polyhead.errors import DataError
from polyhead.formats import RawRecord
from polyhead.notices import Notices
from polyhead.records import Source


@pytest.mark.parametrize(
    ("fields", "names", "kept", "lost"),
    [
        ({"sentence": "a", "text": "b"}, None, {"text": "a"}, ["text='b'"]),
        ({"text": "a", "sentence": "b"}, FieldNames(text="text"), {"text": "a"}, ["sentence='b'"]),
        (
            {"text": "a", "label": "x", "intent": "y"},
            FieldNames(label="intent"),
            {"text": "a", "label": "y"},
            ["label='x'"],
        ),
        ({"text": "a", "entities": [], "ner_tags": ["O"]}, None, {"text": "a", "entities": []}, ["ner_tags=['O']"]),
        ({"sentence": "a", "text": None}, None, {"text": "a"}, []),
    ],
)
def test_a_field_does_not_take_the_place_of_what_was_read(fields, names, kept, lost, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(fields), encoding="utf-8")
    told = convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", names=names)
    assert json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8")) == kept
    assert [first["what"] for loss in told["losses"] for first in loss["first"]] == lost


@pytest.mark.parametrize("field", [{"label": "\ud800"}, {"labels": ["a\udfff"]}, {"note": {"deep": ["\ud800"]}}])
def test_half_a_surrogate_pair_is_refused_anywhere(field):
    raw = RawRecord({"text": "a", **field}, Source("a.jsonl", 7))
    with pytest.raises(DataError, match=r"^a.jsonl:7: .*half a surrogate pair"):
        list(annotated([raw], lost=lambda loss: None, notices=Notices()))
