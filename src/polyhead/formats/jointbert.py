"""The three files of joint intent and slot data: words, tags and classes, a record a line in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, numbered_lines
from polyhead.formats.words import one_line, worded
from polyhead.formats.writing import new_text
from polyhead.records import Source

_WORDS, _TAGS, _CLASS = _FILES = ("seq.in", "seq.out", "label")


class JointBert:
    """A folder with ``seq.in`` (words between blanks), ``seq.out`` (a tag for each) and ``label`` (one class)."""

    name: ClassVar[str] = "jointbert"
    title: ClassVar[str] = "a folder with seq.in, seq.out and label"
    holds: ClassVar[Holds] = Holds(
        labels=False,
        integers=False,
        spans="words",
        overlaps=False,
        blank_types=False,
        unknown=False,
        unlabelled=False,
        blanks=False,
    )

    def fits(self, place: Place) -> bool:
        """Whether it is a folder with these files."""
        return place.holds(*_FILES)

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield a record for each line of the three files."""
        if not place.is_folder:
            raise DataError(f"{place.name}: is a file; name the folder that holds {', '.join(_FILES)}")
        with ExitStack() as opened:
            places = [opened.enter_context(place.inside(name)) for name in _FILES]
            for number, rows in enumerate(zip_longest(*map(_lines, places)), start=1):
                for own, row in zip(places, rows, strict=True):
                    if row is None:
                        raise DataError(
                            f"{own.name}:{number}: the file has {number - 1} lines, the other files have more"
                        )
                yield _record(*rows)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write the folder."""
        path.mkdir()
        with ExitStack() as opened:
            streams = [opened.enter_context(new_text(path / name)) for name in _FILES]
            for number, (record, words, tags) in enumerate(worded(records, lost)):
                if number == 0 and words[0].startswith("\ufeff"):
                    streams[0].write("\ufeff")  # a reader takes the first for the mark of a file
                rows = (" ".join(words), " ".join(tags or ()), one_line(record, lost))
                for stream, row in zip(streams, rows, strict=True):
                    stream.write(row + "\n")


def _lines(place: Place) -> Iterator[tuple[Source, str]]:
    with place.text() as stream:  # here, so that what cannot be decoded is a complaint about this file
        yield from numbered_lines(stream, place.name)


def _record(words: tuple[Source, str], tags: tuple[Source, str], label: tuple[Source, str]) -> RawRecord:
    source, line = words
    found, given = line.split(), tags[1].split()
    if len(given) != len(found):
        raise DataError(f"{tags[0]}: {len(given)} tags, the line of {_WORDS} has {len(found)} words")
    if not (name := label[1].strip()):
        raise DataError(f"{label[0]}: the line is blank, must hold the class of the text")
    return RawRecord({"text": " ".join(found), "label": name, "ner_tags": given}, source)
