"""`check`: what is found in small files, with file and line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.checking import check
from polyhead.errors import DataError, EncoderError, SettingsError

Write = Callable[..., Path]


@pytest.fixture
def encoder(encoder_folders: dict[str, Path]) -> str:
    return str(encoder_folders["distilbert"])


def lines_of(found: dict[str, Any], kind: str) -> list[int]:
    return [own["line"] for own in found["findings"].get(kind, [])]


def kinds_of(found: dict[str, Any]) -> dict[str, int]:
    return {row["finding"]: row["count"] for row in found["summary"]}


def record(text: str, label: Any = "x", tags: str = "") -> dict[str, Any]:
    return {"text": text, "label": label, "ner_tags": tags.split() or ["O"] * len(text.split())}


ORDINARY = [record(f"number {word} here", tags="O B-N O") for word in ("one", "two", "three", "four", "five")]


def test_ordinary_data_have_no_findings(write: Write, encoder: str) -> None:
    found = check(write(ORDINARY), encoder=encoder)
    assert found["summary"] == []
    assert found["errors"] == 0
    assert found["coverage"] == {"train": {"records": 5, "classification": 5, "ner": 5, "no annotation": 0}}
    assert found["entities"] == {"ner": {"entities": 5, "misaligned": 0, "share": 0.0}}


def test_all_bad_records_are_listed_and_the_rest_is_read(tmp_path: Path, encoder: str) -> None:
    good = [json.dumps(own) for own in ORDINARY]
    bad = ["{", '{"text": 5}', '{"text": " "}', '{"label": "x"}', '{"text": "a", "label": 1.5}', '{"text": "\\ud800"}']
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([*good, *bad]), encoding="utf-8")
    found = check(path, encoder=encoder)
    assert lines_of(found, "malformed") == [6, 7, 8, 9, 10, 11]
    assert found["errors"] == 6
    assert found["records"] == 6  # that with the bad label keeps its text


def test_each_odd_tag_is_listed(write: Write, encoder: str) -> None:
    records = [
        *ORDINARY,
        record("a b c", tags="PER O X-A"),
        record("a b d", tags="O I-N I-N"),
        record("a b e", tags="I-N O I-N"),
    ]
    found = check(write(records), encoder=encoder)
    assert lines_of(found, "tag") == [6, 6]
    assert lines_of(found, "scheme") == [7, 8, 8]
    assert kinds_of(found) == {"tag": 2, "scheme": 3}  # and not as records that cannot be read, too


def test_what_breaks_a_scheme_is_told_though_the_scheme_shows_later(write: Write, encoder: str) -> None:
    unclosed = record("a b c", tags="B-N I-N O")
    found = check(write([unclosed, *ORDINARY, record("d e f", tags="B-N L-N O")]), encoder=encoder)
    assert sorted(lines_of(found, "scheme")) == [1, 2, 3, 4, 5, 6]
    iob1 = [record("a b", tags="I-N O"), record("c d", tags="I-N I-N")]
    assert lines_of(check(write(iob1), encoder=encoder), "scheme") == []


def test_labels_that_training_lacks_or_hardly_has(write: Write, encoder: str) -> None:
    dev = write([record("other one", "y"), record("other two", "x", "O B-M")], "dev.jsonl")
    found = check(write([*ORDINARY, record("rare it is", "z")]), dev=dev, encoder=encoder)
    assert [(own["line"], own["label"]) for own in found["findings"]["unseen label"]] == [(1, "y"), (2, "M")]
    assert [(own["line"], own["label"]) for own in found["findings"]["rare label"]] == [(6, "z")]
    assert found["labels"]["classification"]["imbalance"] == 5


def test_equal_texts_in_and_across_splits(write: Write, encoder: str) -> None:
    train, test = (
        write([*ORDINARY, ORDINARY[1]]),
        write([ORDINARY[0] | {"label": "y"}, record("new it is")], "test.jsonl"),
    )
    found = check(train, test=test, encoder=encoder)
    assert lines_of(found, "duplicate") == [6]
    (leak,) = found["findings"]["leak"]
    assert (leak["file"], leak["line"], leak["other"]) == (str(test), 1, f"{train}:1")
    assert [(own["file"], own["line"]) for own in found["findings"]["conflict"]] == [(str(train), 1), (str(test), 1)]


def test_values_that_training_has(write: Write, encoder: str) -> None:
    test = write([record("see ONE there", tags="O B-N O"), record("see six there", tags="O B-N O")], "test.jsonl")
    found = check(write(ORDINARY), test=test, encoder=encoder)
    assert found["entity values"] == {"ner": {"test": [{"type": "N", "entities": 2, "in training": 1, "share": 0.5}]}}


def test_long_texts_and_unknown_pieces(write: Write, encoder: str) -> None:
    long = record("number " * 200)
    found = check(write([*ORDINARY, long, record("見 here")]), encoder=encoder)
    assert lines_of(found, "too long") == [6]
    assert found["findings"]["too long"][0]["windows"] > 1
    assert found["lengths"]["splits"]["train"]["longer"] == 1
    assert 7 in lines_of(found, "unknown piece")
    scripts = {row["script"]: row for row in found["unknown pieces"]["scripts"]}
    assert scripts["Han"]["unknown"] == 1
    assert scripts["Han"]["examples"] == ["見"]


def test_a_task_that_cannot_be_learnt_is_an_error(write: Write, encoder: str) -> None:
    config = write([], "run.toml")
    config.write_text('[tasks.mood]\nkind = "single_label"\nfield = "mood"\n', encoding="utf-8")
    found = check(write(ORDINARY), config=config, encoder=encoder)
    (own,) = found["findings"]["untaught"]
    assert own["found"] == "mood: no training record carries a usable 'mood'"
    assert {own["field"] for own in found["findings"]["unread field"]} == {"label", "ner_tags"}


def test_findings_beyond_the_limit_are_counted(write: Write, encoder: str) -> None:
    found = check(write([*ORDINARY, *ORDINARY]), encoder=encoder, listed=2)
    (row,) = found["summary"]
    assert (row["count"], row["listed"], len(found["findings"]["duplicate"])) == (5, 2, 2)


def test_the_result_is_json(write: Write, encoder: str) -> None:
    found = check(write([*ORDINARY, record("x  y", 3)]), encoder=encoder)
    assert json.loads(json.dumps(found)) == found


def test_an_encoder_that_is_named_must_be_there_one_of_the_settings_need_not(write: Write, tmp_path: Path) -> None:
    data = write(ORDINARY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match=r"it has no tokenizer\.json"):
        check(data, encoder=str(tmp_path / "empty"))
    config = write([], "run.toml")
    config.write_text('encoder = "./empty"\n', encoding="utf-8")
    found = check(data, config=config)
    assert "lengths, unknown pieces and bounds of pieces are left out" in found["encoder"]["said"]
    assert "lengths" not in found
    assert found["entities"]["ner"]["misaligned"] == 0


def test_what_cannot_be_checked_at_all(write: Write, tmp_path: Path, encoder: str) -> None:
    with pytest.raises(SettingsError, match="no training data"):
        check(encoder=encoder)
    with pytest.raises(DataError, match="no such file"):
        check(tmp_path / "none.json", encoder=encoder)
    with pytest.raises(DataError, match="no field 'label', 'labels', 'ner_tags' or 'entities'"):
        check(write([{"text": "a"}]), encoder=encoder)
    with pytest.raises(SettingsError, match=r"on_misaligned: no policy 'snip'; .*did you mean 'snap'"):
        check(write(ORDINARY), encoder=encoder, on_misaligned="snip")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="near: a similarity above"):
        check(write(ORDINARY), encoder=encoder, near=0.5)


def test_it_needs_no_torch(write: Write, encoder: str) -> None:
    code = (
        "import sys; from polyhead.checking import check; check(sys.argv[1], encoder=sys.argv[2]); "
        "print([name for name in ('torch', 'transformers', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(write(ORDINARY)), encoder], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_files_are_read_as_the_settings_say(tmp_path: Path, encoder: str) -> None:
    (tmp_path / "a.csv").write_text("x,first text\ny,second text\n", encoding="utf-8")
    found = check(
        tmp_path / "a.csv", settings={"data.format": "csv", "data.columns": ["label", "text"]}, encoder=encoder
    )
    assert found["records"] == 2
    assert not [row for row in found["summary"] if row["severity"] == "error"]
