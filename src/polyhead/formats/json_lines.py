"""JSON lines: one object a line; blank lines are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from polyhead.errors import DataError
from polyhead.formats.going_on import OnBad, bytes_problem, raise_it
from polyhead.formats.json_values import DECODER, as_object, explain
from polyhead.formats.raw import RawRecord, numbered_lines
from polyhead.records import Source


class JsonLines:
    """One JSON object a line."""

    name = "JSON lines"

    def fits(self, path: str, head: str) -> bool:
        """Whether the file begins with an object, or says by its name that it should."""
        return head.startswith("{") or path.endswith((".jsonl", ".ndjson"))

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield the file's records; holds one line at a time."""
        return self.read_on(stream, path, raise_it)

    def read_on(self, stream: TextIO, path: str, on_bad: OnBad) -> Iterator[RawRecord]:
        """Yield the file's records, and go on with the next line after one that is none."""
        for source, line in numbered_lines(stream, path):
            if line.isspace():
                continue
            try:
                record = _record(line, source)
            except DataError as error:
                on_bad(error)
                continue
            yield record


def _record(line: str, source: Source) -> RawRecord:
    if problem := bytes_problem(line):
        raise DataError(f"{source}: {problem}")
    try:
        value = DECODER.decode(line.rstrip())  # with its end, what lacks there would lack in the next line
    except (ValueError, RecursionError) as error:
        raise explain(error, source) from error
    return RawRecord(as_object(value, source), source)
