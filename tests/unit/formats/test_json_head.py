import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.formats.json_head import keys_of
from tests.unit.formats.json_texts import objects


@given(objects, st.data())
def test_the_keys_of_an_object_are_found_though_it_is_cut(value, data):
    text = json.dumps(value)
    assert list(keys_of(text)) == list(value) == list(keys_of("[" + text + ', {"other": 1}]'))
    cut = text[: data.draw(st.integers(0, len(text)))]
    assert set(list(keys_of(cut))[:-1]) <= value.keys()


@pytest.mark.parametrize("text", ["", "[", "[[1]]", "hello", '"a": 1', "{}", "[1, {}]"])
def test_what_is_no_object_has_none(text):
    assert keys_of(text) == {}


def test_the_beginning_of_values_is_told():
    assert keys_of('{"a": {"b": 1}, "c": [1], "d": "e", "f": tr') == {"a": "{", "c": "[", "d": '"e"', "f": "tr"}
