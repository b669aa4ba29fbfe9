"""The examples of the page on formats are read as the page says."""

import json
import re
from pathlib import Path

import pytest

from polyhead.formats import FORMATS, Writer, read_raw

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"((?:```text \S+\n.*?```\n\n)+)```json\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```text (\S+)\n(.*?)```", re.DOTALL)
EXAMPLES = [found for found in EXAMPLE.findall(PAGE) if FILE.findall(found[0])]


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 11


@pytest.mark.parametrize(("files", "records"), EXAMPLES, ids=[FILE.findall(files)[0][0] for files, _ in EXAMPLES])
def test_an_example_is_read_as_the_page_says(files, records, tmp_path):
    found = FILE.findall(files)
    for name, content in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    first = tmp_path / found[0][0]
    read = [dict(raw.fields) for raw in read_raw(first if len(found) == 1 else first.parent)]
    assert read == [json.loads(line) for line in records.splitlines()]


@pytest.mark.parametrize("form", [own for own in FORMATS if f"`{own.name}`" in PAGE], ids=lambda form: form.name)
def test_the_page_says_which_formats_are_written(form):
    (row,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{form.name}`" in line.split("|")[2]]
    read, written = row.split("|")[3:5]
    assert (read.strip(), written.strip()) == ("yes", "yes" if isinstance(form, Writer) else "no")
