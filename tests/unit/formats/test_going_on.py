"""Reading that goes on after what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyhead.errors import DataError
from polyhead.formats import read_raw


def read(path: Path, content: bytes) -> tuple[list[int], list[str]]:
    path.write_bytes(content)
    bad: list[str] = []
    lines = [raw.source.line for raw in read_raw(path, on_bad=lambda error: bad.append(str(error)))]
    return lines, [said.removeprefix(f"{path}:") for said in bad]


def test_lines_go_on_after_broken_ones(tmp_path: Path) -> None:
    content = b'{"a": 1}\n{"a": \n\n[1]\n{"a": 1, "a": 2}\n{"a": "\xff"}\n{"a": 2}\n{"a": NaN}\n'
    lines, bad = read(tmp_path / "x.jsonl", content)
    assert lines == [1, 7]
    assert [said.partition(":")[0] for said in bad] == ["2", "4", "5", "6", "8"]
    assert "not valid JSON" in bad[0]
    assert "must be a JSON object" in bad[1]
    assert "stands twice" in bad[2]
    assert "not UTF-8: byte 0xff" in bad[3]
    assert "NaN" in bad[4]


@pytest.mark.parametrize(
    ("content", "line"), [(b'[{"a": 1},\n{"a": 2},\n{"a" 3},\n{"a": 4}]', 3), (b'[{"a": 1},\n{"a": "\xff"}]', 2)]
)
def test_an_array_that_breaks_off_is_told_once(tmp_path: Path, content: bytes, line: int) -> None:
    lines, bad = read(tmp_path / "x.json", content)
    assert lines == [own for own in (1, 2) if own < line][: len(lines)]
    (said,) = bad
    assert said.startswith(f"{line}: ")


def test_without_it_the_first_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\noops\n{"a": 2}\n')
    records = read_raw(path)
    assert next(records).source.line == 1
    with pytest.raises(DataError, match=r":2: not valid JSON"):
        next(records)


def test_a_file_that_is_none_is_an_error_in_any_case(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        list(read_raw(tmp_path / "none.jsonl", on_bad=lambda _: None))
