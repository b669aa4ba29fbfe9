import json

import pytest

from polyhead.strict_json import JsonError, parse_json


@pytest.mark.parametrize("value", [None, True, 1, -2.5, "é", [], {"a": [{"b": {}}]}, 10**300])
def test_json_comes_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("NaN", "NaN is not a JSON value"),
        ('{"a": [-Infinity]}', "-Infinity is not a JSON value"),
        ("1e999", "1e999 is too large a number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the field 'c' stands twice"),
        ("[" * 100_000, "nests too deep"),
        ('{"a":' * 100_000, "nests too deep"),
        ("1" * 5000, "Exceeds the limit"),
        ("\ud800", "Expecting value"),
    ],
)
def test_what_is_none_or_says_two_things(text, said):
    with pytest.raises(JsonError, match=said):
        parse_json(text)
