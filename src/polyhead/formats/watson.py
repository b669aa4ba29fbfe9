"""Intents of Watson Assistant: a CSV of text and intent, without a line that names them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import ClassVar, TextIO

from polyhead.formats.at import At
from polyhead.formats.losses import Lost, ignore
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat
from polyhead.records import Source


class Watson(TextFormat):
    """It looks as any CSV does, so it is read only where its user names it."""

    name: ClassVar[str] = "watson"
    title: ClassVar[str] = "Watson Assistant CSV"

    def fits(self, place: Place) -> bool:
        """No file tells that it is of Watson."""
        return False

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield one record a row; holds one row at a time."""
        rows = csv.reader(_lines(stream, path), strict=True)
        line = 1
        while True:
            at = At(Source(path, line), lost)
            try:
                row = next(rows, None)
            except csv.Error as error:
                raise at.error(f"not valid CSV: {error}") from error
            if row is None:
                return
            line = rows.line_num + 1
            if not row:
                continue
            if len(row) != 2 or not row[1].strip():
                raise at.error(
                    f"a row must be a text and an intent, found {len(row)} values: {row!r:.80}; quote a comma"
                )
            yield RawRecord({"text": row[0], "label": row[1].strip()}, at.source)


def _lines(stream: TextIO, path: str) -> Iterator[str]:
    number = 0
    while line := stream.readline(RECORD_LIMIT + 1):
        number += 1
        if len(line) > RECORD_LIMIT:
            raise At(Source(path, number), ignore).error(f"the line has more than {RECORD_LIMIT:,} characters")
        yield line
