"""JSON lines: one object a line; blank lines are passed over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, TextIO

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.going_on import OnBad, bytes_problem, raise_it
from polyhead.formats.holds import Holds
from polyhead.formats.json_values import DECODER, as_object, explain
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat, numbered_lines
from polyhead.formats.writing import new_text
from polyhead.records import Source


class JsonLines(TextFormat):
    """One JSON object a line: our own format, which holds all that a record can have but parts that are unknown."""

    name: ClassVar[str] = "jsonl"
    title: ClassVar[str] = "JSON lines"
    holds: ClassVar[Holds] = Holds(rest=True)
    a_line_each: ClassVar[bool] = True
    """Each record is a line that means the same among other such lines."""

    def fits(self, place: Place) -> bool:
        """Whether the file begins with an object, or says by its name that it should."""
        return place.head.startswith("{") or place.is_called(".jsonl", ".ndjson")

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
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

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write ``text``, ``label``, ``labels``, ``entities`` and whatever else there is."""
        with new_text(path) as stream:
            for record in records:
                stream.write(json.dumps(record.fields(), ensure_ascii=False) + "\n")


def _record(line: str, source: Source) -> RawRecord:
    if problem := bytes_problem(line):
        raise DataError(f"{source}: {problem}")
    try:
        value = DECODER.decode(line.rstrip())  # with its end, what lacks there would lack in the next line
    except (ValueError, RecursionError) as error:
        raise explain(error, source) from error
    return RawRecord(as_object(value, source), source)
