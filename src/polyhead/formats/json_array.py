"""A JSON array of objects, read piece by piece so that a file of any size streams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.json_values import DECODER, as_object, explain
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat
from polyhead.formats.writing import write_array
from polyhead.records import Source

_CHUNK = 64 * 1024
_BLANK = " \t\r\n"


class JsonArray(TextFormat):
    """One JSON array of objects."""

    name: ClassVar[str] = "json"
    title: ClassVar[str] = "JSON array"
    holds: ClassVar[Holds] = Holds(rest=True)

    def fits(self, place: Place) -> bool:
        """Whether the file begins with an array."""
        return place.head.startswith("[")

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the array's objects; holds one object and a chunk of the file at a time."""
        window = Window(stream, path)
        for source in window.elements():
            yield RawRecord(as_object(window.value(), source), source)
        window.end("array")

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write one object a line, in an array."""
        write_array(path, (record.fields() for record in records))


class Window:
    """The part of a file of JSON that is being parsed, and the line it begins at.

    Args:
        stream: The file.
        path: As the user named it.
    """

    def __init__(self, stream: TextIO, path: str) -> None:
        self._stream, self._path = stream, path
        self._text, self._at, self._line, self._column = "", 0, 1, 0

    def elements(self) -> Iterator[Source]:
        """Go through an array; whoever does must take each element, by `value`, `elements` or `members`, as it comes.

        Yields:
            Where each begins.
        """
        self.expect("[")
        if self.peek() != "]":
            while True:
                yield self.source()
                if self.peek() == "]":
                    break
                self.expect(",")
        self.expect("]")

    def members(self) -> Iterator[str]:
        """Go through an object, each key once; whoever does must take each value as it comes.

        Yields:
            The keys.

        Raises:
            DataError: If it is none, or a key stands there twice.
        """
        self.expect("{", "an object")
        seen: set[str] = set()
        while self.peek() != "}" or seen:
            source, key = self.source(), self._key()
            if key in seen:
                raise DataError(f"{source}: not usable JSON: the field {key[:80]!r} stands twice in one object")
            seen.add(key)
            yield key
            if self.peek() == "}":
                break
            self.expect(",", "an object")
        self.expect("}", "an object")

    def _key(self) -> str:
        if self.peek() != '"':
            self.expect('"', "an object")
        key = str(self.value())
        self.expect(":", "an object")
        return key

    def end(self, what: str) -> None:
        """Check that nothing follows.

        Args:
            what: What has ended.

        Raises:
            DataError: If something does.
        """
        if after := self.peek():
            raise DataError(f"{self.source()}: not valid JSON: {after!r} after the end of the {what}")

    def source(self) -> Source:
        """Return where the next value begins."""
        self.peek()
        return Source(self._path, self._line)

    def peek(self) -> str:
        """Return the next character that is not blank, or "" at the end of the file."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._pass(self._at + 1)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_CHUNK):
                return ""

    def expect(self, wanted: str, where: str = "an array of records") -> None:
        """Pass over the next character.

        Raises:
            DataError: If it is another.
        """
        found = self.peek()
        if found != wanted:
            what = f"found {found!r}" if found else "the file ends"
            raise DataError(f"{self.source()}: not valid JSON: expected {wanted!r} in {where}, {what}")
        self._pass(self._at + 1)

    def value(self) -> Any:
        """Parse the next value, reading on until it is whole."""
        chunk = _CHUNK
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                waiting = len(self._text) - self._at
                if waiting > RECORD_LIMIT:
                    raise DataError(
                        f"{self.source()}: the record is not valid JSON, or has more than {RECORD_LIMIT:,} characters"
                    ) from error
                if not self._more(chunk):
                    raise self._explain(error) from error
                chunk *= 2  # so that a long record is parsed again only a few times
                continue
            except (ValueError, RecursionError) as error:  # more text would not mend these
                raise self._explain(error) from error
            self._pass(end)
            return value

    def _pass(self, end: int) -> None:
        """Go on to `end`, counting lines and the characters of the last of them."""
        newlines = self._text.count("\n", self._at, end)
        self._line += newlines
        before = self._text.rfind("\n", self._at, end) + 1
        self._column = end - before if newlines else self._column + end - self._at
        self._at = end

    def _explain(self, error: Exception) -> DataError:
        """Say where in the file the value is broken: parsed alone, its error counts lines from its own start."""
        try:
            DECODER.raw_decode(self._text[self._at :])
        except (ValueError, RecursionError) as again:
            return explain(again, self.source(), self._column)
        return explain(error, self.source(), self._column)

    def _more(self, size: int) -> bool:
        piece = self._stream.read(size)
        self._text = self._text[self._at :] + piece
        self._at = 0
        return bool(piece)
