"""What a format yields, and what a format is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TextIO, runtime_checkable

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost, ignore
from polyhead.formats.place import Place
from polyhead.records import Source
from polyhead.settings import SetSettings

RECORD_LIMIT = 16 * 2**20
"""Characters that one record may take in a file; more is refused before it is parsed."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the file holds it.

    What a format knows by names of its own comes under ours: ``text``, ``label`` (one class: an integer or a string),
    ``labels`` (a list of classes), ``entities`` (a list of ``{"start", "end", "label"}``, characters of the text),
    ``ner_tags`` (a list with one tag for each whitespace word of the text). What is not in a record is unknown, which
    is not the same as an empty list. Fields of other names pass through as they are.

    Attributes:
        fields: Field name to value: plain JSON values.
        source: Where it stood.
    """

    fields: Mapping[str, Any]
    source: Source


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about a file that does not say it itself.

    Attributes:
        columns: The names of its columns, in their order, ``_`` for those that are not read; `None` where the file
            says, or the format has a usual order.
    """

    columns: tuple[str, ...] | None = None


NO_OPTIONS = ReadOptions()


@dataclass(frozen=True)
class Way:
    """How a file is to be read.

    Attributes:
        form: The name of its format; `None` where its name and beginning tell.
        options: What the user said about it.
    """

    form: str | None = None
    options: ReadOptions = NO_OPTIONS

    @classmethod
    def of(cls, own: SetSettings) -> Way:
        """Return how the files of a data set are to be read."""
        return cls(own.format, ReadOptions(own.columns))


AS_IT_IS = Way()


class Format(Protocol):
    """A data format that can be read. A new one is one file in this folder, and one line in `FORMATS`."""

    name: ClassVar[str]
    """What ``--from`` and ``--to`` call it."""
    title: ClassVar[str]
    """What it is called in messages."""

    def fits(self, place: Place) -> bool:
        """Whether a file or folder is in this format, as far as its name and beginning tell."""

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the records, in their order.

        Args:
            place: What to read.
            options: What the user said about it.
            lost: Hears of whatever the format holds that no record takes over.

        Raises:
            DataError: With file and line, at the first thing that is not in the format.
        """


class TextFormat(ABC):
    """A format of one text file, which is read through once."""

    name: ClassVar[str]
    title: ClassVar[str]

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the records of the file."""
        with place.text() as stream:
            yield from self.parse(stream, place.name, options, lost)

    def read(
        self, stream: TextIO, path: str, options: ReadOptions = NO_OPTIONS, lost: Lost = ignore
    ) -> Iterator[RawRecord]:
        """Yield the records of an open file; see `Format.records`."""
        return self.parse(stream, path, options, lost)

    @abstractmethod
    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the records of an open file; a format gives this."""


@runtime_checkable
class Writer(Protocol):
    """A format that can be written."""

    name: ClassVar[str]
    title: ClassVar[str]
    holds: ClassVar[Holds]
    """What of a record it can hold; what it cannot is taken out, and told, before it is given a record."""

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write records, all of which it can hold.

        Args:
            records: The records; they come one by one, and may be many.
            path: A file, or a folder, that is not there yet.
            lost: Hears of what cannot be held after all.
        """


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
