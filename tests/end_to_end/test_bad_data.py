"""Bad data: one message that names what and where, status 2, nothing half-written left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.training import TrainedRun
from tests.end_to_end.conftest import Cli

GOOD = '{"sentence": "John lives in Berlin.", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}\n'
LONG = json.dumps({"sentence": "word " * 210_000, "label": 1})

BAD_DATA: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "not JSON": ("John lives in Berlin.\n", (":1: in no known format", "John lives in Berlin", "JSON lines")),
    "not JSON in line 3": (GOOD * 2 + "oops\n", (":3: not valid JSON", "character 1")),
    "a line cut short": (GOOD + GOOD[:40], (":2: not valid JSON",)),
    "an array cut short": ("[" + GOOD + ",", ("not valid JSON",)),
    "an array with a comma too many": (f"[{GOOD},\n{GOOD},\n]", (":5: ", "not valid JSON")),
    "an array that goes on": (f"[{GOOD}] x", (":2: not valid JSON: 'x' after the end of the array",)),
    "no object": ("[1, 2]", (":1: a record must be a JSON object", "found a number")),
    "no object in line 2": (GOOD + '"text"\n', (":2: a record must be a JSON object", "found a string")),
    "sentence is a number": (
        GOOD + '{"sentence": 5, "label": 1}',
        (":2: the field 'sentence' must be a string, found a number",),
    ),
    "sentence is a list": (
        '{"sentence": ["a"], "label": 1}',
        (":1: the field 'sentence' must be a string, found a list",),
    ),
    "sentence is null": ('{"sentence": null, "label": 1}', (":1: the field 'sentence' must be a string, found null",)),
    "sentence is blank": ('{"sentence": "  ", "label": 1}', (":1: the field 'sentence' holds no text",)),
    "no sentence": ('{"sentense": "a", "label": 1}', (":1: no field 'sentence' or 'text'", "did you mean 'sentense'?")),
    "label is a float": (
        GOOD + '{"sentence": "a", "label": 1.5}',
        (":2: field 'label'", "integer or a string, found 1.5"),
    ),
    "label is true": ('{"sentence": "a", "label": true}', (":1: field 'label'", "found True")),
    "label is a list": ('{"sentence": "a", "label": ["x"]}', (":1: field 'label'", "found ['x']")),
    "label is empty": ('{"sentence": "a", "label": ""}', (":1: field 'label'", "must not be empty")),
    "tags are a string": ('{"sentence": "a", "ner_tags": "O"}', (":1: field 'ner_tags'", "must be a list", "a string")),
    "tags are an object": (
        '{"sentence": "a", "ner_tags": {}}',
        (":1: field 'ner_tags'", "must be a list", "an object"),
    ),
    "a tag is a number": ('{"sentence": "a b", "ner_tags": ["O", 0]}', (":1: field 'ner_tags': tag 2", "found 0")),
    "a tag is null": ('{"sentence": "a", "ner_tags": [null]}', (":1: field 'ner_tags': tag 1", "found None")),
    "a bad tag": (
        GOOD + '{"sentence": "a", "ner_tags": ["PER"]}',
        (":2: field 'ner_tags': tag 1 fits no scheme", "'PER'", "B-PER"),
    ),
    "a bad prefix": ('{"sentence": "a", "ner_tags": ["X-PER"]}', (":1:", "'X-PER'", "fits no scheme")),
    "a zero for O": ('{"sentence": "a", "ner_tags": ["0"]}', (":1:", "'0'", "did you mean 'O'?")),
    "more tags than words": (
        GOOD + '{"sentence": "a b", "ner_tags": ["O", "O", "O"]}',
        (":2: field 'ner_tags': 3 tags for 2 words",),
    ),
    "empty file": ("", ("the file is empty",)),
    "blank file": (" \n\n", ("the file is empty",)),
    "no record": ("[]", ("no record in it",)),
    "no entity anywhere": (
        '{"sentence": "a b", "ner_tags": ["O", "O"]}',
        ("'ner'", "no entity in any of the 1 records"),
    ),
    "unknown fields": (
        '{"sentence": "a", "classes": 1, "tags": []}',
        ("no field 'label', 'labels', 'ner_tags' or 'entities'", "'classes'", "'tags'", "settings file"),
    ),
    "NaN label": (GOOD + '{"sentence": "a", "label": NaN}', (":2: ", "NaN is not a JSON value")),
    "NaN in an array": ('[{"sentence": "a", "label": -Infinity}]', (":1: ", "-Infinity is not a JSON value")),
    "a field twice": ('{"sentence": "a", "label": 1, "label": 2}', (":1: ", "'label' stands twice")),
    "a sentence of 1 MB": (
        GOOD + LONG,
        (":2: the text has 1,050,000 characters", "limit is 100,000", "data.max_characters"),
    ),
    "Latin-1": (
        '{"sentence": "café", "label": 1}'.encode("latin-1"),
        ("not UTF-8: byte 0xe9", "save the file as UTF-8"),
    ),
    "UTF-16": (GOOD.encode("utf-16"), ("not UTF-8 but UTF-16", "save the file as UTF-8")),
    "half a surrogate": ('{"sentence": "a \\ud83d", "label": 1}', (":1: ", "half a surrogate pair")),
    "binary": (bytes(range(256)) * 4, (":1: in no known format",)),
    "nested deeply": (
        '{"sentence": "a", "label": ' + "[" * 100_000 + "]" * 100_000 + "}",
        (":1: ", "nested too deeply"),
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_training_data(case: str, fails: Callable[..., str], tmp_path: Path, encoder: str) -> None:
    content, fragments = BAD_DATA[case]
    path = tmp_path / "data.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = fails("train", path, "--encoder", encoder, "--output", tmp_path / "run")
    assert message.startswith("error: ")
    for fragment in (*fragments, str(path) if case != "no entity anywhere" else ""):
        assert fragment in message


NEEDS_ANNOTATION = {"unknown fields", "no entity anywhere"}


@pytest.mark.parametrize("case", [case for case in BAD_DATA if case not in NEEDS_ANNOTATION])
def test_dev_and_test_data(
    case: str, fails: Callable[..., str], tmp_path: Path, data: Path, encoder: str, trained: TrainedRun
) -> None:
    content, fragments = BAD_DATA[case]
    path = tmp_path / "data.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    as_dev = fails("train", data, "--dev", path, "--encoder", encoder, "--output", tmp_path / "run")
    as_test = fails("evaluate", trained.folder, path)
    for fragment in (*fragments, str(path)):
        assert fragment in as_dev
        assert fragment in as_test


FOR_PREDICT = [
    "not JSON in line 3",
    "a line cut short",
    "no object in line 2",
    "sentence is a number",
    "sentence is null",
    "no sentence",
    "no record",
    "NaN label",
    "a field twice",
    "a sentence of 1 MB",
    "Latin-1",
    "half a surrogate",
    "nested deeply",
]


@pytest.mark.parametrize("case", FOR_PREDICT)
def test_texts_to_predict(case: str, fails: Callable[..., str], tmp_path: Path, trained: TrainedRun) -> None:
    content, fragments = BAD_DATA[case]
    path, kept = tmp_path / "data.json", tmp_path / "kept.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    kept.write_text("what was there before")
    for output in (tmp_path / "new.jsonl", kept):
        message = fails("predict", trained.folder, "--input", path, "--output", output)
        for fragment in (*fragments, str(path)):
            assert fragment in message
    assert kept.read_text() == "what was there before"


def test_a_long_text_on_the_command_line(fails: Callable[..., str], trained: TrainedRun) -> None:
    assert "TEXT: has 1,000,000 characters, the limit is 100,000" in fails("predict", trained.folder, "x" * 10**6)


def test_bytes_on_the_command_line_that_are_no_text(fails: Callable[..., str], trained: TrainedRun) -> None:
    assert "TEXT: " in fails("predict", trained.folder, "caf\udce9")


@pytest.mark.parametrize("place", ["absent.json", "folder"])
def test_a_data_file_that_is_not_there(place: str, fails: Callable[..., str], tmp_path: Path, encoder: str) -> None:
    (tmp_path / "folder").mkdir()
    message = fails("train", tmp_path / place, "--encoder", encoder, "--output", tmp_path / "run")
    assert f"{tmp_path / place}: " in message
    assert {"absent.json": "no such file", "folder": "is a folder"}[place] in message


def test_good_data_are_good(cli: Cli, data: Path, encoder: str, tmp_path: Path) -> None:
    """What the table above varies does train."""
    assert cli("train", data, "--encoder", encoder, "--output", tmp_path / "run", "--epochs", 1).status == 0
