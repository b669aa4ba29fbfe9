import io

import pytest

from polyhead.errors import DataError
from polyhead.formats.json_lines import JsonLines


def read(text):
    return list(JsonLines().read(io.StringIO(text), "a.jsonl"))


def test_blank_lines_count_but_hold_no_record():
    found = read('\n{"a": 1}\n  \n\t\n{"a": 2}')
    assert [(raw.fields["a"], raw.source.line) for raw in found] == [(1, 2), (2, 5)]


def test_a_line_separator_inside_a_string_ends_no_line():
    found = read('{"a": "x\u2028y\x85z"}\n{"a": 2}\n')
    assert [(raw.fields["a"], raw.source.line) for raw in found] == [("x\u2028y\x85z", 1), (2, 2)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": 1}\n{"a": 2}\n{"a": }\n', "a.jsonl:3: not valid JSON: Expecting value, at character 7 of the line"),
        ('{"a": 1}\n\n7\n', "a.jsonl:3: a record must be a JSON object such as"),
        ('{"a": 1}\n"text"\n', "found a string"),
        ('{"a": 1}\nnull', "found null"),
        ('{"a": NaN}', "a.jsonl:1: not usable JSON: NaN is not a JSON value"),
        ('\n{"a": 1, "b": {"c": 1, "c": 1}}', "a.jsonl:2: not usable JSON: the field 'c' stands twice in one object"),
        ('{"a": 1} {"a": 2}\n', "a.jsonl:1: not valid JSON: Extra data, at character 10 of the line"),
        ('{"a": 1},\n', "a.jsonl:1: not valid JSON: Extra data"),
        ('{"a": 1}\n{"a": \n1}', "a.jsonl:2: not valid JSON: Expecting value"),
        ('{"a": ' + "[" * 200_000, "a.jsonl:1: not usable JSON: nested too deeply"),
        ('{"a": ' + "1" * 5000 + "}", "a.jsonl:1: not usable JSON: "),
    ],
)
def test_what_is_broken_is_said_with_its_line(text, wanted):
    with pytest.raises(DataError) as caught:
        read(text)
    assert wanted in str(caught.value)
    assert str(caught.value).startswith("a.jsonl:")


def test_a_line_beyond_the_limit_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr("polyhead.formats.raw.RECORD_LIMIT", 50)
    stream = io.StringIO('{"a": 1}\n' + "x" * 10_000)
    with pytest.raises(DataError, match=r"^a\.jsonl:2: the line has more than 50 characters"):
        list(JsonLines().read(stream, "a.jsonl"))
    assert stream.tell() < 100
