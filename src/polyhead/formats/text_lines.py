"""Plain text, one text a line: for prediction, where no annotation is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from polyhead.errors import DataError
from polyhead.formats.raw import RECORD_LIMIT, RawRecord
from polyhead.records import Source


class TextLines:
    """One text a line. A blank line is a text too, so that answers and lines stay side by side."""

    name = "text lines"

    def fits(self, path: str, head: str) -> bool:
        """Whether the file is called so, or begins with neither an object nor an array."""
        return path.endswith(".txt") or not head.startswith(("{", "["))

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield each line as the text of a record; holds one line at a time."""
        number = 0
        while line := stream.readline(RECORD_LIMIT + 1):
            number += 1
            source = Source(path, number)
            if len(line) > RECORD_LIMIT:
                raise DataError(f"{source}: the line has more than {RECORD_LIMIT:,} characters, the limit for a record")
            yield RawRecord({"text": line.rstrip("\r\n")}, source)
