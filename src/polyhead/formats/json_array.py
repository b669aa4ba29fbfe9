"""A JSON array of objects, read piece by piece so that a file of any size streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from polyhead.errors import DataError
from polyhead.formats.json_values import DECODER, as_object, explain
from polyhead.formats.raw import RECORD_LIMIT, RawRecord
from polyhead.records import Source

_CHUNK = 64 * 1024
_BLANK = " \t\r\n"


class JsonArray:
    """One JSON array of objects."""

    name = "JSON array"
    a_line_each = False

    def fits(self, path: str, head: str) -> bool:  # noqa: ARG002 (only the content tells)
        """Whether the file begins with an array."""
        return head.startswith("[")

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield the array's objects; holds one object and a chunk of the file at a time."""
        window = _Window(stream, path)
        window.expect("[")
        if window.peek() == "]":
            window.expect("]")
        else:
            while True:
                source = window.source()
                yield RawRecord(as_object(window.value(), source), source)
                if window.peek() == "]":
                    window.expect("]")
                    break
                window.expect(",")
        if after := window.peek():
            raise DataError(f"{window.source()}: not valid JSON: {after!r} after the end of the array")


class _Window:
    """The part of the file that is being parsed, and the line it begins at."""

    def __init__(self, stream: TextIO, path: str) -> None:
        self._stream, self._path = stream, path
        self._text, self._at, self._line, self._column = "", 0, 1, 0

    def source(self) -> Source:
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

    def expect(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            what = f"found {found!r}" if found else "the file ends"
            raise DataError(f"{self.source()}: not valid JSON: expected {wanted!r} in an array of records, {what}")
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
