"""Plain text, one text a line: for prediction, where no annotation is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from polyhead.formats.raw import RawRecord, numbered_lines


class TextLines:
    """One text a line. A blank line is a text too, so that answers and lines stay side by side."""

    name = "text lines"
    a_line_each = False  # a text, and no record that could stand among others

    def fits(self, path: str, head: str) -> bool:
        """Whether the file is called so, or begins with neither an object nor an array."""
        return path.endswith(".txt") or not head.startswith(("{", "["))

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield each line as the text of a record; holds one line at a time."""
        for source, line in numbered_lines(stream, path):
            yield RawRecord({"text": line.rstrip("\r\n")}, source)
