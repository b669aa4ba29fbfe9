"""A sentence a line, each word with its tag behind a bar: ``Anna|B-PER sings|O``, or ``Anna|NNP|B-PER sings|VBZ|O``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, TextIO

from polyhead.errors import DataError, SettingsError
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat, numbered_lines
from polyhead.formats.words import is_tag, known_tags, whole_lines
from polyhead.records import Source

_USUAL = {2: ("text", "ner_tags"), 3: ("text", "pos", "ner_tags")}


class Iob(TextFormat):
    """A sentence a line, of words with their tags, and perhaps a part of speech between, which is the field ``pos``."""

    name: ClassVar[str] = "iob"
    title: ClassVar[str] = "IOB, a sentence a line"

    def fits(self, place: Place) -> bool:
        """Whether each word of the first line has a tag behind a bar."""
        words = whole_lines(place.head)[0].split()
        return bool(words) and all("|" in word and is_tag(word.rpartition("|")[2]) for word in words)

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the file's sentences; holds one line at a time."""
        names = _checked(options.columns)
        for source, line in numbered_lines(stream, path):
            cells = line.split()
            if not cells:
                continue
            if names is None:
                names = _USUAL[3 if all(cell.count("|") >= 2 for cell in cells) else 2]
            yield _record([_parts(cell, len(names), source) for cell in cells], names, source)


def _checked(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    named = [name for name in columns or () if name != "_"]
    if columns is not None and (len(set(named)) < len(named) or "text" not in named or len(columns) < 2):
        raise SettingsError(f"--columns {','.join(columns)}: must name each part once, and that of the words 'text'")
    return tuple(columns) if columns is not None else None


def _parts(cell: str, count: int, source: Source) -> list[str]:
    """Part a word from what stands behind bars; the word may hold bars itself."""
    parts = cell.rsplit("|", count - 1)
    if len(parts) < count or not parts[0]:
        raise DataError(
            f"{source}: {cell[:60]!r} must be a word and {count - 1} more behind bars, such as 'Anna|B-PER'"
        )
    return parts


def _record(rows: Sequence[Sequence[str]], names: Sequence[str], source: Source) -> RawRecord:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names) if name != "_"}
    tags = known_tags(columns.pop("ner_tags"), source) if "ner_tags" in columns else None
    fields = {"text": " ".join(columns.pop("text")), **columns}
    return RawRecord(fields if tags is None else {**fields, "ner_tags": tags}, source)
