import json
import time

import pytest

from polyhead.serving.messages import parse_request
from polyhead.serving.refusals import Refusal


def refused(body):
    with pytest.raises(Refusal) as caught:
        parse_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (caught.value.reason.status, caught.value.reason.code) == (422, "invalid")
    told = json.loads(caught.value.body("id"))["error"]
    assert told["request_id"] == "id"
    return told.get("field"), told["message"]


def test_what_may_be_left_out():
    request = parse_request(b'{"texts": ["a", ["b", "c"]]}')
    assert request.texts == ["a", ["b", "c"]]
    assert (request.tasks, request.min_confidence, request.top_k, request.truncate) == (None, 0.0, None, False)
    assert [parse_request(b'{"texts": ["a"], "top_k": %s}' % top).top_k for top in (b"1", b"100", b"null")] == [
        1,
        100,
        None,
    ]
    assert parse_request(b'{"texts": ["a"], "tasks": null, "min_confidence": 1}').min_confidence == 1.0


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"{", None, "no JSON"),
        (b"\xff", None, "not UTF-8, at byte 0"),
        (b"[" * 100_000, None, "nests too deep"),
        (b'{"texts": ["a"], "texts": ["b"]}', None, "'texts' stands twice"),
        (b'{"texts": ["a"], "min_confidence": NaN}', None, "NaN"),
        ([], None, "no JSON object"),
        ({}, "texts", "required"),
        ({"texts": ["a", "b", "c", 4]}, "texts[3]", "a text is a string"),
        ({"texts": ["a", ["b", 1]]}, "texts[1]", "a pair is a list of two strings"),
        (b'{"texts": ["a", "\\ud800"]}', "texts[1]", "surrogate"),
        (b'{"texts": [["a", "\\udfff"]]}', "texts[0]", "surrogate"),
        ({"texts": ["a"], "txts": 1}, "txts", "did you mean 'texts'"),
        ({"texts": ["a"], "x" * 1000: 1}, "x" * 80, "no such field"),
        ({"texts": ["a"], "tasks": [1]}, "tasks[0]", "string"),
        ({"texts": ["a"], "min_confidence": True}, "min_confidence", "number"),
        ({"texts": ["a"], "min_confidence": -0.1}, "min_confidence", "greater than or equal to 0"),
        ({"texts": ["a"], "top_k": 0}, "top_k", "greater than or equal to 1"),
        ({"texts": ["a"], "top_k": 101}, "top_k", "less than or equal to 100"),
        ({"texts": ["a"], "top_k": True}, "top_k", "integer"),
        ({"texts": ["a"], "top_k": 2.0}, "top_k", "integer"),
        ({"texts": ["a"], "top_k": "3"}, "top_k", "integer"),
        (b'{"texts": ["a"], "top_k": ' + b"9" * 4000 + b"}", "top_k", "less than or equal to 100"),
        ({"texts": ["a"], "truncate": "yes"}, "truncate", "boolean"),
    ],
)
def test_the_field_is_named(body, field, said):
    found, message = refused(body)
    assert found == field
    assert said in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts": [' + b"1," * 400_000 + b"1]}",
        b'{"texts": ["a"], "tasks": [' + b"1," * 400_000 + b"1]}",
        b"{" + b",".join(b'"%d":1' % at for at in range(80_000)) + b"}",
        b"{" + b",".join(b'"%d":1' % at for at in range(80_000)) + b',"79999":1}',
    ],
)
def test_a_megabyte_of_mistakes_takes_no_time(body):
    start = time.process_time()
    refused(body)
    assert time.process_time() - start < 1
