"""The examples of the page on formats are read as the page says."""

from pathlib import Path

import pytest

from polyhead.formats import FORMATS, Writer

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", [own for own in FORMATS if f"`{own.name}`" in PAGE], ids=lambda form: form.name)
def test_the_page_says_which_formats_are_written(form):
    (row,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{form.name}`" in line.split("|")[2]]
    read, written = row.split("|")[3:5]
    assert (read.strip(), written.strip()) == ("yes", "yes" if isinstance(form, Writer) else "no")
