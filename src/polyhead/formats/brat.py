"""Folders of brat: texts with their annotations in standoff files beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from polyhead.errors import DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At
from polyhead.formats.brat_lines import read_line, renamed, written_lines
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, numbered_lines
from polyhead.formats.writing import new_text
from polyhead.records import Source

_TEXT, _STANDOFF = ".txt", ".ann"
_MARK = b"\xef\xbb\xbf"


class Brat:
    """A document is a record. One without an ``.ann`` file is not annotated; an empty one says: no entities."""

    name: ClassVar[str] = "brat"
    title: ClassVar[str] = "brat folder"
    holds: ClassVar[Holds] = Holds(label=False, labels=False, mended=renamed)

    def fits(self, place: Place) -> bool:
        """Whether it is a folder with an ``.ann`` file, in it or in a folder in it."""
        if not place.is_folder or place.path is None:
            return False
        return any(name.endswith(_STANDOFF) for name in _names(place.path))

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the documents, by name; holds one at a time."""
        if not place.is_folder or place.path is None:
            raise DataError(f"{place.name}: is a file; name the folder with the .txt and .ann files")
        names = sorted(_names(place.path))
        texts = {name.removesuffix(_TEXT) for name in names if name.endswith(_TEXT)}
        standoff = {name.removesuffix(_STANDOFF) for name in names if name.endswith(_STANDOFF)}
        if alone := sorted(standoff - texts):
            raise DataError(f"{place.name}/{alone[0]}{_STANDOFF}: there is no {alone[0]}{_TEXT} beside it")
        for name in sorted(texts):
            yield _document(place, name, lost, annotated=name in standoff)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write a folder with two files a record, numbered in their order."""
        path.mkdir()
        for number, record in enumerate(records, start=1):
            name = f"{number:08}"
            marked = record.text.startswith("\ufeff")  # a mark at the beginning is passed over where it is read
            (path / (name + _TEXT)).write_bytes((_MARK if marked else b"") + record.text.encode())
            if record.spans is not None:
                with new_text(path / (name + _STANDOFF)) as stream:
                    stream.writelines(written_lines(record.spans.spans, record.text, shift=int(marked)))


def _names(folder: Path) -> Iterator[str]:
    """Yield the files in a folder and the folders in it, by their way from it; links to folders are not followed."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith("."):
                yield (Path(here) / name).relative_to(folder).as_posix()


def _document(place: Place, name: str, lost: Lost, *, annotated: bool) -> RawRecord:
    with place.inside(name + _TEXT) as file:
        shift = int(file.first.startswith(_MARK))  # brat counts the mark, which is no part of the text here
        with file.text(newline="") as stream:
            text = stream.read(RECORD_LIMIT + 1)
        source = Source(file.name, 1)
    if len(text) > RECORD_LIMIT:
        raise DataError(f"{source}: the document has more than {RECORD_LIMIT:,} characters; split it")
    fields: dict[str, Any] = {"text": text}
    if annotated:
        fields["entities"] = []
        with place.inside(name + _STANDOFF) as file, file.text() as stream:
            for place_of, line in numbered_lines(stream, file.name):
                fields["entities"].extend(read_line(line.rstrip("\n"), text, At(place_of, lost), shift=shift))
    return RawRecord(fields, source)
