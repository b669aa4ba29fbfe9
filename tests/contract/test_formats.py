"""What every data format must do. A new format needs a line in `SAMPLES` and in `WRITERS`."""

from __future__ import annotations

import io
import json

import pytest

from polyhead.errors import DataError
from polyhead.formats import FORMATS, read_raw
from polyhead.formats.text_lines import TextLines

EVERY = {form.name: form for form in (*FORMATS, TextLines())}

SAMPLES = {
    "JSON array": ("a.json", '[\n{"text": "first"},\n\n{"text": "sécond"},\n{"text": "third"}\n]\n', [2, 4, 5]),
    "JSON lines": ("a.jsonl", '{"text": "first"}\n\n{"text": "sécond"}\n{"text": "third"}\n', [1, 3, 4]),
    "text lines": ("a.txt", "first\nsécond\nthird\n", [1, 2, 3]),
}
"""By format: a file name, three records with these texts, and the lines that they stand on."""

WRITERS = {
    "JSON array": lambda texts: json.dumps([{"text": text} for text in texts]),
    "JSON lines": lambda texts: "\n".join(json.dumps({"text": text}) for text in texts),
    "text lines": "\n".join,
}
"""By format: how a file of many texts is written."""

TEXTS = ["first", "sécond", "third"]

every_format = pytest.mark.parametrize("name", EVERY)


def test_names_are_unique_and_each_format_has_a_sample():
    assert len(EVERY) == len(FORMATS) + 1
    assert EVERY.keys() == SAMPLES.keys() == WRITERS.keys()


@every_format
def test_a_format_fits_its_own_files(name):
    path, content, _ = SAMPLES[name]
    assert EVERY[name].fits(path, content.lstrip())


@every_format
def test_a_file_is_given_to_its_own_format_first(name):
    path, content, _ = SAMPLES[name]
    fitting = [form for form in EVERY.values() if form.fits(path, content.lstrip())]
    assert fitting[0] is EVERY[name]


@every_format
def test_records_come_in_order_with_file_and_line(name):
    path, content, lines = SAMPLES[name]
    found = list(EVERY[name].read(io.StringIO(content), path))
    assert [dict(raw.fields) for raw in found] == [{"text": text} for text in TEXTS]
    assert [raw.source.line for raw in found] == lines
    assert {raw.source.path for raw in found} == {path}


@every_format
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_reads_the_same_with_other_line_ends_and_a_byte_order_mark(name, end, mark, tmp_path):
    path, content, lines = SAMPLES[name]
    (tmp_path / path).write_bytes((mark + content.replace("\n", end)).encode())
    found = list(read_raw(tmp_path / path, plain_text=True))
    assert [raw.fields["text"] for raw in found] == TEXTS
    assert [raw.source.line for raw in found] == lines


@every_format
def test_a_last_line_needs_no_end(name, tmp_path):
    path, content, _ = SAMPLES[name]
    (tmp_path / path).write_text(content.rstrip("\n"), encoding="utf-8")
    assert [raw.fields["text"] for raw in read_raw(tmp_path / path, plain_text=True)] == TEXTS


@every_format
def test_reading_holds_no_more_than_it_must(name):
    texts = [f"the text of record {at}" for at in range(20_000)]
    stream = io.StringIO(WRITERS[name](texts))
    records = EVERY[name].read(stream, "a")
    assert next(records).fields["text"] == texts[0]
    assert stream.tell() <= 64 * 1024
    assert [raw.fields["text"] for raw in records] == texts[1:]


@every_format
def test_a_record_beyond_the_limit_is_refused_with_its_line(name, monkeypatch):
    path, content, lines = SAMPLES[name]
    for module in ("raw", "json_array"):
        monkeypatch.setattr(f"polyhead.formats.{module}.RECORD_LIMIT", 70_000)
    stream = io.StringIO(content.replace("third", "x" * 300_000))
    with pytest.raises(DataError, match=rf"^{path}:{lines[2]}: .*70,000 characters"):
        list(EVERY[name].read(stream, path))


@every_format
def test_what_is_not_utf_8_is_refused_with_its_line(name, tmp_path):
    path, content, lines = SAMPLES[name]
    (tmp_path / path).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=rf"{path}:{lines[1]}: not UTF-8: byte 0xe9; save the file as UTF-8$"):
        list(read_raw(tmp_path / path, plain_text=True))
