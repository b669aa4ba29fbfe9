"""JSON lines: one object a line; blank lines are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from polyhead.formats.json_values import DECODER, as_object, explain
from polyhead.formats.raw import RawRecord, numbered_lines


class JsonLines:
    """One JSON object a line."""

    name = "JSON lines"
    a_line_each = True

    def fits(self, path: str, head: str) -> bool:
        """Whether the file begins with an object, or says by its name that it should."""
        return head.startswith("{") or path.endswith((".jsonl", ".ndjson"))

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield the file's records; holds one line at a time."""
        for source, line in numbered_lines(stream, path):
            if line.isspace():
                continue
            try:
                value = DECODER.decode(line.rstrip())  # with its end, what lacks there would lack in the next line
            except (ValueError, RecursionError) as error:
                raise explain(error, source) from error
            yield RawRecord(as_object(value, source), source)
