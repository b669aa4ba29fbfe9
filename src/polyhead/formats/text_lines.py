"""Plain text, one text a line: for prediction, where no annotation is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TextIO

from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat, numbered_lines


class TextLines(TextFormat):
    """One text a line. A blank line is a text too, so that answers and lines stay side by side."""

    name: ClassVar[str] = "txt"
    title: ClassVar[str] = "text lines"

    def fits(self, place: Place) -> bool:
        """Whether the file is called so, or begins with neither an object nor an array."""
        return place.is_called(".txt") or not place.head.startswith(("{", "["))

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield each line as the text of a record; holds one line at a time."""
        for source, line in numbered_lines(stream, path):
            yield RawRecord({"text": line.rstrip("\r\n")}, source)
