"""Records are written as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polyhead.errors import DataError
from polyhead.splitting import split, verify
from polyhead.splitting.manifest import dump, lines_of, runs_of
from polyhead.splitting.reading import Input
from polyhead.splitting.writing import write_split


def written(folder: Path) -> list[bytes]:
    return [line for name in ("train", "test") for line in (folder / f"{name}.jsonl").read_bytes().splitlines()]


def test_lines_are_the_very_lines_of_the_file(tmp_path: Path) -> None:
    lines = [f'{{"label" : {at % 2},  "sentence": "t\\u00e4xt {at} ä", "x": 1.0e3}}'.encode() for at in range(20)]
    path = tmp_path / "all.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf"
        + b"\r\n".join(lines[:9])
        + b"\r\n\n  \n"
        + b"\r".join(lines[9:12])
        + b"\r"
        + b"\n".join(lines[12:])
    )
    found = split(path, output=tmp_path / "parts", shares="70/30")
    assert sorted(written(tmp_path / "parts")) == sorted(lines)
    own = found["inputs"][0]
    places = dict(zip(lines_of(own["lines"]), own["parts"], strict=True))
    assert list(places) == [*range(1, 10), *range(12, 23)]
    train = (tmp_path / "parts" / "train.jsonl").read_bytes()
    assert train.endswith(b"\n")
    assert places[1] == (0 if lines[0] + b"\r\n" in train else 1)


def test_objects_of_an_array_are_written_one_a_line(tmp_path: Path) -> None:
    records = [{"sentence": f"täxt {at}", "label": at % 2, "deep": {"a": [1, None, "é"]}} for at in range(20)]
    records[3]["odd"] = "\ud800"
    path = tmp_path / "all.json"
    path.write_text(json.dumps(records, indent=1))
    split(path, output=tmp_path / "parts", shares=(1, 1))
    lines = written(tmp_path / "parts")
    assert sorted(map(json.loads, lines), key=str) == sorted(records, key=str)
    assert sum("täxt".encode() in line for line in lines) == 19  # the other one can only be written escaped


def test_a_number_that_cannot_be_written_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text("[" + ",".join(f'{{"sentence": "t {at}", "label": 1, "x": 1e999}}' for at in range(4)) + "]")
    with pytest.raises(DataError, match=r"all.json:1: holds a number that is too large"):
        split(path, output=tmp_path / "parts", shares="1/1")
    assert not list((tmp_path / "parts").iterdir())


def test_a_file_that_changes_meanwhile_is_noticed_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text('{"sentence": "a"}\n{"sentence": "b"}\n')
    own = Input(path, "0" * 64, [1, 2], a_line_each=True)
    with pytest.raises(DataError, match="was changed while it was split"):
        write_split(tmp_path / "parts", ["a", "b"], [own], [[0, 1]], manifest=lambda _: "{}")
    assert not list((tmp_path / "parts").iterdir())


@pytest.mark.parametrize("lines", [[], [5], [1, 2, 3], [1, 1, 1], [1, 6, 11, 12, 13, 20], [3, 9, 10]])
def test_runs_of_lines_are_undone(lines: list[int]) -> None:
    assert lines_of(runs_of(lines)) == lines


def test_runs_are_few() -> None:
    assert runs_of(range(1, 1001)) == [[1, 1, 1000]]
    assert runs_of(range(2, 2000, 5)) == [[2, 5, 400]]


def test_a_manifest_is_json_with_numbers_on_one_line() -> None:
    value = {
        "a": [1, 2, 3],
        "b": [{"c": [[1, 2], [3]]}, "\0 word"],
        "g": [],
        "h": {},
        "d": {"e": "ä"},
        "f": [0.5, None],
    }
    assert json.loads(dump(value)) == value
    assert '"a": [1,2,3]' in dump(value)
    assert '"c": [[1,2],[3]]' in dump(value)


@pytest.mark.parametrize("text", ["", "[]", '{"format_version": 99}', '{"format_version": 1}', '{"a": 1, "a": 2}'])
def test_what_is_no_manifest_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DataError, match=r"split.json: (cannot be read|is not the manifest)"):
        verify(tmp_path)


def test_a_manifest_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    inner = tmp_path / "parts"
    inner.mkdir()
    (inner / "split.json").write_text(
        json.dumps({"format_version": 1, "inputs": [], "outputs": {"../secret": {"sha256": "0"}}})
    )
    assert verify(inner)["outputs"] == {"../secret": "missing"}
