import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.errors import DataError
from polyhead.formats.json_array import JsonArray
from polyhead.formats.json_lines import JsonLines
from tests.unit.formats.json_texts import array_of, indents, lines_of, objects


def read(text):
    return list(JsonArray().read(io.StringIO(text), "a.json"))


def complaint(text):
    with pytest.raises(DataError) as caught:
        read(text)
    return str(caught.value)


@given(st.lists(objects, max_size=6), indents, st.booleans())
def test_an_array_reads_as_the_same_lines_do(records, indent, ascii_only):
    text, lines = array_of(records, indent=indent, ascii_only=ascii_only)
    found = read(text)
    same = JsonLines().read(io.StringIO(lines_of(records, ascii_only=ascii_only)), "a.jsonl")
    assert [raw.fields for raw in found] == records == [raw.fields for raw in same]
    assert [raw.source.line for raw in found] == lines
    assert {raw.source.path for raw in found} <= {"a.json"}


@settings(max_examples=12)
@given(st.lists(objects, min_size=1, max_size=4), indents, st.integers(10_000, 90_000))
def test_an_array_of_many_chunks_reads_as_the_same_lines_do(records, indent, size):
    records = [{**record, "long": "é\\\n" * (size // 3)} for record in records] * (1 + 400_000 // (size * len(records)))
    text, lines = array_of(records, indent=indent, ascii_only=False)
    assert len(text) > 4 * 64 * 1024
    found = read(text)
    assert [raw.fields for raw in found] == records
    assert [raw.source.line for raw in found] == lines


def test_one_record_may_be_longer_than_many_chunks():
    record = {"text": "word " * 200_000}
    assert [raw.fields for raw in read(json.dumps([record, {"a": 1}]))] == [record, {"a": 1}]


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\t\r\n"])
def test_blanks_between_are_passed_over(blank):
    text = blank.join(["", "[", '{"a": 1}', ",", '{"a": 2}', "]", ""])
    assert [raw.fields for raw in read(text)] == [{"a": 1}, {"a": 2}]


def test_an_empty_array_has_no_record():
    assert read(" [ \n ] \n") == []


def test_it_streams():
    stream = io.StringIO(json.dumps([{"text": "x" * 100}] * 20_000))
    records = JsonArray().read(stream, "a.json")
    assert next(records).fields == {"text": "x" * 100}
    assert stream.tell() <= 2 * 64 * 1024


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[\n{"a": 1},\n{"b": }\n]', "a.json:3: not valid JSON: Expecting value, at character 7 of the line"),
        (
            '[\n{"a": 1},\n{"b":\n\n oops}\n]',
            "a.json:5: not valid JSON: Expecting value, at character 2 of the line",
        ),
        ('[\n{"a": 1}\n{"b": 2}\n]', "a.json:3: not valid JSON: expected ',' in an array of records, found '{'"),
        ('[\n{"a": 1},\n\n7]', "a.json:4: a record must be a JSON object such as"),
        ('[{"a": 1},\n["b"]]', "a.json:2: a record must be a JSON object such as"),
        ("[\nnull]", "found null"),
        ('["text"]', "found a string"),
        ("[true]", "found true or false"),
        ("[1.5]", "found a number"),
        ("[[]]", "found a list"),
        ('[{"a": 1},\n{"a": NaN}]', "a.json:2: not usable JSON: NaN is not a JSON value"),
        ('[{"a": 1},\n{"a": -Infinity}]', "a.json:2: not usable JSON: -Infinity is not a JSON value"),
        ('[\n{"a": 1, "a": 2}]', "a.json:2: not usable JSON: the field 'a' stands twice in one object"),
        ('[{"a": 1}]\n\nrest', "a.json:3: not valid JSON: 'r' after the end of the array"),
        ('[{"a": 1}]\n[]', "a.json:2: not valid JSON: '[' after the end of the array"),
        ('[\n{"a": 1},\n{"b": 2}\n', "expected ',' in an array of records, the file ends"),
        ('[\n{"a": 1},\n', "not valid JSON: Expecting value"),
        ('[\n{"a": 1},\n{"b": "tex', "a.json:3: not valid JSON: Unterminated string"),
        ('[\n{"a": 1},\n]', "a.json:3: not valid JSON: Expecting value"),
        ("[", "not valid JSON: Expecting value"),
        ('[{"a": 1}}', "a.json:1: not valid JSON: expected ',' in an array of records, found '}'"),
        ('[{"a": [1, 2}]', "a.json:1: not valid JSON: "),
    ],
)
def test_what_is_broken_is_said_with_its_line(text, wanted):
    assert wanted in complaint(text)
    assert complaint(text).startswith("a.json:")


def test_the_character_is_counted_from_the_start_of_the_line():
    text = '[\n {"a": 1}, {"b": oops}]'
    assert complaint(text) == "a.json:2: not valid JSON: Expecting value, at character 18 of the line"


def test_the_character_is_counted_from_the_start_of_the_line_across_chunks():
    text = '[\n {"a": 1},\n' + '{"a": "' + "x" * 100_000 + '"}, {"b": oops}]'
    place = text.splitlines()[2].index("oops") + 1
    assert complaint(text) == f"a.json:3: not valid JSON: Expecting value, at character {place} of the line"


def test_nesting_without_end_is_refused():
    assert complaint('[{"a": ' + "[" * 200_000) == "a.json:1: not usable JSON: nested too deeply"


def test_what_is_wrong_early_in_a_large_file_is_still_explained():
    text = '[{"a": 1, "a": 2}, ' + json.dumps({"text": "x" * 17 * 2**20}) + "]"
    assert complaint(text) == "a.json:1: not usable JSON: the field 'a' stands twice in one object"


def test_the_line_is_right_far_into_the_file():
    records = ",\n".join(json.dumps({"text": "x" * 200, "at": at}) for at in range(3000))
    assert complaint(f'[\n{records},\n{{"b": oops}}]').startswith("a.json:3002: not valid JSON: Expecting value")


def test_a_record_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("polyhead.formats.json_array.RECORD_LIMIT", 100_000)
    text = '[\n{"a": 1},\n' + json.dumps({"text": "x" * 300_000})
    assert complaint(text) == ("a.json:3: the record is not valid JSON, or has more than 100,000 characters")
