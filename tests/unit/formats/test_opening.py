import io
import json
import sys

import pytest

from polyhead.errors import DataError
from polyhead.formats import read_raw
from polyhead.formats.place import opened

ARRAY = '[\n{"text": "a"},\n{"text": "b"}\n]'
LINES = '{"text": "a"}\n{"text": "b"}\n'


@pytest.fixture
def file(tmp_path):
    def _file(content, name="a.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _file


def complaint(path, **options):
    with pytest.raises(DataError) as caught:
        list(read_raw(path, **options))
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "a", "a.data"])
@pytest.mark.parametrize(("content", "lines"), [(ARRAY, [2, 3]), (LINES, [1, 2]), ("\n \n" + ARRAY, [4, 5])])
def test_the_content_tells_array_from_lines(file, name, content, lines):
    found = list(read_raw(file(content, name)))
    assert [raw.fields for raw in found] == [{"text": "a"}, {"text": "b"}]
    assert [raw.source.line for raw in found] == lines
    assert found[0].source.path == str(file(content, name))


@pytest.mark.parametrize("content", [ARRAY, LINES])
def test_a_byte_order_mark_is_passed_over(file, content):
    assert [raw.fields["text"] for raw in read_raw(file("\ufeff" + content))] == ["a", "b"]


@pytest.mark.parametrize("content", [ARRAY, LINES])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_count_as_one(file, content, end):
    wanted = [raw.source.line for raw in read_raw(file(content))]
    assert [raw.source.line for raw in read_raw(file(content.replace("\n", end)))] == wanted


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff", " " * 20_000])
def test_an_empty_file_is_refused(file, content):
    path = file(content)
    assert complaint(path) in {f"{path}: the file is empty", f"{path}: no record in it"}


@pytest.mark.parametrize("content", ["[]", " [\n]\n"])
def test_an_array_without_a_record_is_refused(file, content):
    assert complaint(file(content)) == f"{file(content)}: no record in it"


def test_a_missing_file(tmp_path):
    assert complaint(tmp_path / "none.json") == f"{tmp_path / 'none.json'}: no such file"


def test_a_folder(tmp_path):
    assert complaint(tmp_path) == f"{tmp_path}: is a folder that is in no known format; name the data file in it"


def test_what_is_no_json_says_how_it_begins(file):
    path = file("EU ORG\nrejects none\n", "a.data")
    said = complaint(path)
    assert said.startswith(f"{path}:1: in no known format: the file begins with 'EU ORG\\nrejects none\\n'; known: ")
    assert "JSON lines" in said


@pytest.mark.parametrize(("before", "line"), [(b"", 1), (b'{"text": "a"}\n\n', 3), (b'{"text": "a"}\n' * 5000, 5001)])
def test_what_is_not_utf_8_is_said_with_its_line(file, before, line):
    path = file(before + '{"text": "caf\u00e9"}\n{"text": "b"}\n'.encode("latin-1") + b'{"text": "c"}\n' * 3000)
    assert complaint(path) == f"{path}:{line}: not UTF-8: byte 0xe9; save the file as UTF-8"


def test_the_line_of_what_is_not_utf_8_is_right_in_an_array_too(file):
    path = file(b"\xef\xbb\xbf[\n" + b'{"text": "\xc3\xa9"},\n' * 9000 + b'{"text": "\xff"}]')
    assert complaint(path).startswith(f"{path}:9002: not UTF-8: byte 0xff; ")


def test_a_character_cut_off_at_the_end_is_not_utf_8(file):
    path = file(b'{"text": "a"}\n{"text": "\xe2\x82')
    assert complaint(path).startswith(f"{path}:2: not UTF-8: byte 0xe2; ")


def test_utf_16_is_told_by_its_first_bytes(file):
    assert "not UTF-8 but UTF-16" in complaint(file(ARRAY.encode("utf-16")))


@pytest.mark.parametrize("form", ["array", "lines"])
def test_the_first_records_come_before_the_end_is_read(file, form):
    many = [json.dumps({"text": "x" * 100, "at": at}) for at in range(20_000)]
    path = file("[" + ",\n".join([*many, "oops]"]) if form == "array" else "\n".join([*many, "oops"]))
    records = read_raw(path)
    assert [next(records).fields["at"] for _ in range(10)] == list(range(10))
    with pytest.raises(DataError, match=r":20001: not valid JSON"):
        list(records)


class _Pipe(io.RawIOBase):
    """Gives a few bytes at a time, as a pipe does."""

    def __init__(self, content):
        self._rest = content

    def readable(self):
        return True

    def readinto(self, buffer):
        part, self._rest = self._rest[: min(7, len(buffer))], self._rest[min(7, len(buffer)) :]
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("content", [ARRAY, LINES])
def test_standard_input_is_read_and_left_open(monkeypatch, content):
    stdin = io.TextIOWrapper(io.BufferedReader(_Pipe(content.encode())), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", stdin)
    found = list(read_raw("-"))
    assert [raw.fields["text"] for raw in found] == ["a", "b"]
    assert found[0].source.path == "<stdin>"
    assert not stdin.buffer.closed


def test_plain_text_is_taken_only_when_asked_for(file):
    path = file("first line\n\nthird line", "a.txt")
    found = list(read_raw(path, plain_text=True))
    assert [(raw.fields["text"], raw.source.line) for raw in found] == [("first line", 1), ("", 2), ("third line", 3)]
    assert complaint(path).startswith(f"{path}:1: in no known format")


def test_a_txt_file_is_text_even_where_it_looks_like_json(file):
    assert [raw.fields for raw in read_raw(file("[x]\n{y}", "a.txt"), plain_text=True)] == [
        {"text": "[x]"},
        {"text": "{y}"},
    ]


def test_json_stays_json_when_plain_text_would_do(file):
    assert [raw.fields for raw in read_raw(file(LINES), plain_text=True)] == [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("name", ["x" * 5000, "half \ud800", "nul \0"])
def test_a_file_of_a_folder_that_cannot_be_is_refused(tmp_path, name):
    with opened(tmp_path) as place, pytest.raises(DataError, match="which there cannot be"):  # noqa: SIM117
        with place.inside(name):
            pass
