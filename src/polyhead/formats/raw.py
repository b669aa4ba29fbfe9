"""What a format yields, and what a format is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from polyhead.errors import DataError
from polyhead.records import Source

RECORD_LIMIT = 16 * 2**20
"""Characters that one record may take in a file; more is refused before it is parsed."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the file holds it.

    Attributes:
        fields: Field name to value: plain JSON values.
        source: Where it stood.
    """

    fields: Mapping[str, Any]
    source: Source


def numbered_lines(stream: TextIO, path: str) -> Iterator[tuple[Source, str]]:
    """Yield each line of a file with its place, holding one at a time.

    Raises:
        DataError: At a line of more than `RECORD_LIMIT` characters.
    """
    number = 0
    while line := stream.readline(RECORD_LIMIT + 1):
        number += 1
        source = Source(path, number)
        if len(line) > RECORD_LIMIT:
            raise DataError(f"{source}: the line has more than {RECORD_LIMIT:,} characters, the limit for a record")
        yield source, line


class Format(Protocol):
    """A data format.

    Attributes:
        name: Its name, for people.
        a_line_each: Whether each record is a line of the file, which means the same among other such lines.
    """

    name: str
    a_line_each: bool

    def fits(self, path: str, head: str) -> bool:
        """Whether a file of this name that begins with `head` (blanks removed) is in this format."""

    def read(self, stream: TextIO, path: str) -> Iterator[RawRecord]:
        """Yield the file's records.

        Raises:
            DataError: With file and line, at the first thing that is not in the format.
        """
