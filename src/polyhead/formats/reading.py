"""Raw records to records: finds the text, checks it, and has each task's column read its field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polyhead.errors import AnnotationError, DataError, name_the_known
from polyhead.formats.columns import Column
from polyhead.formats.json_values import json_type
from polyhead.formats.losses import telling
from polyhead.formats.opening import read_raw
from polyhead.formats.raw import AS_IT_IS, RawRecord, Way
from polyhead.notices import Notices
from polyhead.records import Record, Text, is_unicode

TEXT_FIELDS = ("sentence", "text")


@dataclass(frozen=True)
class Limits:
    """What a record may hold.

    Attributes:
        max_characters: The longest text taken, in characters.
        text_field: The field that holds the text; where not given, the first of `TEXT_FIELDS` that is there.
        second_field: The field that holds a second text, to be read together with the first.
        second_optional: Whether a record may lack it, and is then read alone.
    """

    max_characters: int = 100_000
    text_field: str | None = None
    second_field: str | None = None
    second_optional: bool = False

    @classmethod
    def agreed(cls, max_characters: int, fields: Iterable[tuple[str | None, str | None]]) -> Limits:
        """Return what several data sets agree on.

        Args:
            max_characters: The longest text taken.
            fields: Of each set, the fields of the text and of the second text.
        """
        texts, seconds = (set(found) for found in zip(*fields, strict=True))
        named = seconds - {None}
        return cls(
            max_characters,
            text_field=texts.pop() if len(texts) == 1 else None,
            second_field=named.pop() if len(named) == 1 else None,
            second_optional=len(seconds) > 1,
        )


def read_records(
    path: str | Path,
    columns: Mapping[str, Column],
    *,
    notices: Notices,
    limits: Limits | None = None,
    way: Way = AS_IT_IS,
) -> Iterator[Record]:
    """Yield the records of a file with the annotations that tasks read.

    Args:
        path: A data file in any known format; ``-`` is standard input.
        columns: For each task, what reads its field. Made for this file alone: a column may learn from the file.
        notices: Hears of what is odd but usable.
        limits: What a record may hold.
        way: Its format, where its name and beginning do not tell.

    Raises:
        DataError: At the first record that cannot be used, with file and line.
    """
    limits = limits or Limits()
    read_fields = {column.field for column in columns.values()} | {limits.second_field}
    for raw in read_raw(path, lost=telling(notices), way=way):
        field, record = record_of(raw, columns, notices=notices, limits=limits)
        for name in raw.fields.keys() - read_fields - {field}:
            notices.add(
                f"{{records have|record has}} the field {name!r}, which no task reads", raw.source, f"field {name!r}"
            )
        yield record
    for column in columns.values():
        column.finish(notices)


def record_of(raw: RawRecord, columns: Mapping[str, Column], *, notices: Notices, limits: Limits) -> tuple[str, Record]:
    """Turn what a file holds into a record with the annotations that tasks read.

    Args:
        raw: What the file holds.
        columns: For each task, what reads its field.
        notices: Hears of what is odd but usable.
        limits: What a record may hold.

    Returns:
        The field that holds the text, and the record.

    Raises:
        DataError: If it cannot be used.
    """
    field, text = text_of(raw, limits)
    if not text.strip():
        raise DataError(f"{raw.source}: the field {field!r} holds no text")
    second = second_text_of(raw, limits)
    return field, Record(text, _annotations(raw, text, columns, notices), raw.source, second)


def read_texts(source: str | Path, limits: Limits) -> Iterator[Text]:
    """Yield the texts of a file, annotated or not, holding one at a time.

    Args:
        source: A data file, or one text a line; ``-`` is standard input.
        limits: Where its fields are not there, the usual ones are read.
    """
    usual = replace(limits, text_field=None)
    for raw in read_raw(source, plain_text=True):
        text = text_of(raw, limits if limits.text_field in raw.fields else usual)[1]
        second = second_text_of(raw, limits)
        yield text if second is None else (text, second)


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
    return field, _checked_text(raw, field, limits)


def second_text_of(raw: RawRecord, limits: Limits) -> str | None:
    """Return a record's second text, where its field is known.

    Raises:
        DataError: If it is not there and must be, or is not what a text must be.
    """
    if limits.second_field is None:
        return None
    if raw.fields.get(limits.second_field) is None:
        if limits.second_optional:
            return None
        known = name_the_known(limits.second_field, raw.fields)
        raise DataError(f"{raw.source}: no field {limits.second_field!r} for the second text; fields {known}")
    return _checked_text(raw, limits.second_field, limits)


def _checked_text(raw: RawRecord, field: str, limits: Limits) -> str:
    text = raw.fields[field]
    if not isinstance(text, str):
        raise DataError(f"{raw.source}: the field {field!r} must be a string, found {json_type(text)}")
    if len(text) > limits.max_characters:
        raise DataError(
            f"{raw.source}: the text has {len(text):,} characters, the limit is {limits.max_characters:,}; "
            f"split it, or raise data.max_characters"
        )
    _check_unicode(raw, field)
    return text


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
