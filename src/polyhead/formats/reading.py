"""Raw records to records: finds the text, checks it, and has each task's column read its field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import AnnotationError, DataError, name_the_known
from polyhead.formats.columns import Column
from polyhead.formats.json_values import json_type
from polyhead.formats.opening import read_raw
from polyhead.formats.raw import RawRecord
from polyhead.notices import Notices
from polyhead.records import Record, is_unicode

TEXT_FIELDS = ("sentence", "text")


@dataclass(frozen=True)
class Limits:
    """What a record may hold.

    Attributes:
        max_characters: The longest text taken, in characters.
        text_field: The field that holds the text; where not given, the first of `TEXT_FIELDS` that is there.
    """

    max_characters: int = 100_000
    text_field: str | None = None


def read_records(
    path: str | Path, columns: Mapping[str, Column], *, notices: Notices, limits: Limits | None = None
) -> Iterator[Record]:
    """Yield the records of a file with the annotations that tasks read.

    Args:
        path: A data file in any known format; ``-`` is standard input.
        columns: For each task, what reads its field. Made for this file alone: a column may learn from the file.
        notices: Hears of what is odd but usable.
        limits: What a record may hold.

    Raises:
        DataError: At the first record that cannot be used, with file and line.
    """
    limits = limits or Limits()
    read_fields = {column.field for column in columns.values()}
    for raw in read_raw(path):
        field, text = text_of(raw, limits)
        if not text.strip():
            raise DataError(f"{raw.source}: the field {field!r} holds no text")
        for name in raw.fields.keys() - read_fields - {field}:
            notices.add(
                f"{{records have|record has}} the field {name!r}, which no task reads", raw.source, f"field {name!r}"
            )
        yield Record(text, _annotations(raw, text, columns, notices), raw.source)
    for column in columns.values():
        column.finish(notices)


def text_of(raw: RawRecord, limits: Limits) -> tuple[str, str]:
    """Find a record's text.

    Returns:
        The field that holds it, and the text.

    Raises:
        DataError: If there is no text, or it is not a string, too long, or not valid Unicode.
    """
    wanted = (limits.text_field,) if limits.text_field else TEXT_FIELDS
    field = next((name for name in wanted if name in raw.fields), None)
    if field is None:
        known = name_the_known(wanted[0], raw.fields)
        raise DataError(f"{raw.source}: no field {' or '.join(map(repr, wanted))} for the text; fields {known}")
    text = raw.fields[field]
    if not isinstance(text, str):
        raise DataError(f"{raw.source}: the field {field!r} must be a string, found {json_type(text)}")
    if len(text) > limits.max_characters:
        raise DataError(
            f"{raw.source}: the text has {len(text):,} characters, the limit is {limits.max_characters:,}; "
            f"split it, or raise data.max_characters"
        )
    _check_unicode(raw, field)
    return field, text


def _check_unicode(raw: RawRecord, field: str) -> None:
    """JSON can escape half a surrogate pair, which no file can be written with: neither a text nor a label's name."""
    if not is_unicode(json.dumps(raw.fields[field], ensure_ascii=False)):
        raise DataError(f"{raw.source}: the field {field!r} holds half a surrogate pair: no valid Unicode")


def _annotations(raw: RawRecord, text: str, columns: Mapping[str, Column], notices: Notices) -> dict[str, Any]:
    annotations = {}
    for task, column in columns.items():
        value = raw.fields.get(column.field)
        if value is None:  # absent, or null: unknown, which is not the same as empty
            continue
        _check_unicode(raw, column.field)
        try:
            annotations[task] = column.read(value, text, raw.source, notices)
        except AnnotationError as error:
            raise DataError(f"{raw.source}: field {column.field!r}: {error}") from error
    return annotations
