"""The examples of the page on formats are read as the page says."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.formats.reading_files import read_file

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"((?:```text \S+[^\n]*\n.*?```\n\n)+)```json\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```text (\S+)(?: --columns (\S+))?\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 7
    assert PAGE.count("```text") == sum(len(FILE.findall(files)) for files, _ in EXAMPLES)


@pytest.mark.parametrize(("files", "records"), EXAMPLES, ids=[FILE.findall(files)[0][0] for files, _ in EXAMPLES])
def test_an_example_is_read_as_the_page_says(files, records, tmp_path):
    found = FILE.findall(files)
    for name, _, content in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    first, columns, _ = found[0]
    source = tmp_path / first if len(found) == 1 else (tmp_path / first).parent
    assert read_file(source, columns=columns or None).fields == [json.loads(line) for line in records.splitlines()]


@pytest.mark.parametrize("program", PYTHON.findall(PAGE))
def test_a_program_runs(program, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "formats.md", "exec"), {})
    assert capsys.readouterr().out == (
        "{'text': 'Anna sings', 'ner_tags': ['B-PER', 'O'], 'label': 3} songs.parquet:1\n"
    )
