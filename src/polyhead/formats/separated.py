"""Tables in text: a record a row, its fields in columns that a comma, a tab or the like separates."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.json_values import DECODER, explain
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat
from polyhead.formats.spool import spooled
from polyhead.formats.writing import new_text
from polyhead.records import Source

_DELIMITERS = ",;\t|"
_TEXT = ("text", "sentence")
_LISTS = ("labels", "entities", "ner_tags")


class CommaSeparated(TextFormat):
    """A row a record; its first row names the fields. Which character separates them is found out.

    A cell is a string, and an empty one is unknown. What `labels`, `entities` and `ner_tags` hold is JSON; tags may
    also stand as words with blanks between. Written is a column for each field that any record has.
    """

    name: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV"
    holds: ClassVar[Holds] = Holds(integers=False, rest="texts")
    delimiters: ClassVar[str] = _DELIMITERS
    """Those a file may have, the likeliest first; it is written with the first."""

    def fits(self, place: Place) -> bool:
        """Whether the file is called so, or its first line names a column for the text among others."""
        if place.is_called(".csv"):
            return True
        first = place.head.partition("\n")[0].rstrip("\r")
        return _has_text(_cells(first, _delimiter(first, None, self.delimiters)))

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the rows of the file; ends of lines within cells stay as they are."""
        with place.text(newline="") as stream:
            yield from self.parse(stream, place.name, options, lost)

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the rows of an open file; holds one at a time."""
        rows = _rows(stream, path, options.columns, self.delimiters)
        names, unnamed = _names(rows, options.columns, lost)
        for source, row in rows:
            if len(row) != len(names):
                said = "--columns names" if options.columns else "the first row has"
                raise DataError(
                    f"{source}: the row has {len(row)} cells, {said} {len(names)}; "
                    f"a cell that holds the separator or a line's end stands in double quotes"
                )
            fields = {
                name: _value(name, cell, source)
                for name, cell in zip(names, row, strict=True)
                if name not in unnamed and (cell or name in _TEXT)
            }
            yield RawRecord(fields, source)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write a row a record, under the names of the columns."""
        with spooled(records, path.parent) as spool, new_text(path) as stream:
            names = [name for name in spool.kinds if name and name.strip() == name]
            for name in spool.kinds.keys() - set(names):
                lost(Loss("dropped", None, repr(name), "a field whose name is blank or has blanks at its ends"))
            plain = csv.writer(stream, delimiter=self.delimiters[0], lineterminator="\n")
            quoted = csv.writer(stream, delimiter=self.delimiters[0], lineterminator="\n", quoting=csv.QUOTE_ALL)
            plain.writerow(names)
            for row in spool.rows():
                cells = [_cell(row.get(name, "")) for name in names]
                (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)  # the plain one quotes no \r


class TabSeparated(CommaSeparated):
    """The same with a tab between the columns, and nothing else."""

    name: ClassVar[str] = "tsv"
    title: ClassVar[str] = "TSV"
    delimiters: ClassVar[str] = "\t"

    def fits(self, place: Place) -> bool:
        """Whether the file is called so."""
        return place.is_called(".tsv", ".tab")


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Lines:
    """The lines of a file for the parser of rows, which takes as many as the row has."""

    def __init__(self, stream: TextIO, path: str) -> None:
        self._stream, self._path, self._source = stream, path, Source(path, 1)
        self.number, self._characters = 0, 0
        self._again: list[str] = []

    def peek(self) -> str:
        """Return the first line, which comes again."""
        self._again = [self._stream.readline(RECORD_LIMIT + 1)]
        return self._again[0]

    def begin(self) -> Source:
        """Begin a row, and return where it stands."""
        self._characters, self._source = 0, Source(self._path, self.number + 1)
        return self._source

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._stream.readline(RECORD_LIMIT + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._characters += len(line)
        if self._characters > RECORD_LIMIT:
            raise DataError(
                f"{self._source}: the row has more than {RECORD_LIMIT:,} characters, the limit for a "
                f"record; a double quote that nothing closes, say"
            )
        return line


def _rows(
    stream: TextIO, path: str, columns: Sequence[str] | None, delimiters: str
) -> Iterator[tuple[Source, list[str]]]:
    """Yield each row with the place where it begins; blank lines are passed over."""
    lines = _Lines(stream, path)
    delimiter = _delimiter(lines.peek().rstrip("\r\n"), columns, delimiters)
    if csv.field_size_limit() < RECORD_LIMIT:  # the parser's own, for all of the process, is less than a long text
        csv.field_size_limit(RECORD_LIMIT)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        source = lines.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{source}: not valid {'TSV' if delimiter == chr(9) else 'CSV'}: {error}; a cell that begins with a "
                f"double quote ends with one, and each within it is doubled"
            ) from error
        if row:
            yield source, row


def _names(
    rows: Iterator[tuple[Source, list[str]]], columns: Sequence[str] | None, lost: Lost
) -> tuple[list[str], frozenset[str]]:
    """Return what the columns are called, and which of these names are none."""
    if columns is not None:
        return list(columns), frozenset(["_"])
    found = next(rows, None)
    if found is None:
        return [], frozenset()
    source, row = found
    names = [name.strip() for name in row]
    for at, name in enumerate(names, start=1):
        if not name:
            lost(Loss("dropped", source, f"column {at}", "a column without a name"))
        elif name in names[: at - 1]:
            raise DataError(f"{source}: two columns are called {name!r}; the first row names the fields")
    return names, frozenset([""])


def _value(name: str, cell: str, source: Source) -> Any:
    if name not in _LISTS:
        return cell
    if name == "ner_tags" and not cell.lstrip().startswith("["):
        return cell.split()
    if not cell.lstrip().startswith("["):
        return cell  # whoever reads the field says what it should be
    try:
        return DECODER.decode(cell)
    except (ValueError, RecursionError) as error:
        said = str(explain(error, Source(source.path, source.line))).partition(": ")[2]
        raise DataError(f"{source}: column {name!r}: {said}") from error


def _delimiter(line: str, columns: Sequence[str] | None, delimiters: str) -> str:
    """Find what separates the cells of a first line: what makes it name the text, or has as many as there should be."""
    found = {delimiter: _cells(line, delimiter) for delimiter in delimiters}
    for delimiter, cells in found.items():
        if len(cells) == len(columns) if columns is not None else _has_text(cells):
            return delimiter
    return max(delimiters, key=lambda delimiter: len(found[delimiter]))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _has_text(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and any(cell.strip() in _TEXT for cell in cells)
