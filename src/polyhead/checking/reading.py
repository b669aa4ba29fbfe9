"""Files to records, past all that is wrong in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.characters import check_characters
from polyhead.checking.duplicates import digest_of
from polyhead.checking.files import SPLITS, Part, Plan
from polyhead.checking.findings import Findings
from polyhead.checking.tags import TagFindings
from polyhead.errors import AnnotationError, DataError
from polyhead.formats import Column, Limits, RawRecord, read_raw
from polyhead.formats.reading import second_text_of, text_of
from polyhead.labels import TagReader
from polyhead.notices import Notices
from polyhead.records import Record, is_unicode
from polyhead.tasks import kind_named

OnRecords = Callable[[str, int], None]
"""Hears what is done, and with how many records it was done since the last call."""
_AT_ONCE = 1024


@dataclass
class ReadData:
    """What was read, beside the records themselves.

    Attributes:
        files: For each file: path, split, records that can be read.
        split_of: By record, the number of its split.
        digests: By record, 16 bytes that stand for its text; equal where texts differ in case and white space only.
        fields: By split, the fields of its records.
    """

    files: list[dict[str, Any]] = field(default_factory=list)
    splits: bytearray = field(default_factory=bytearray)
    digests: bytearray = field(default_factory=bytearray)
    fields: dict[str, set[str]] = field(default_factory=dict)

    @property
    def split_of(self) -> NDArray[np.uint8]:
        """By record, the number of its split."""
        return np.frombuffer(bytes(self.splits), dtype=np.uint8)


class Reading:
    """Reads files once, and tells of all that can be seen while it does.

    Args:
        plan: What is read.
        findings: Hears of what is wrong or odd.
        on_records: Hears how far it is.
    """

    def __init__(self, plan: Plan, findings: Findings, on_records: OnRecords) -> None:
        self._plan, self._findings, self._on_records = plan, findings, on_records
        self.data = ReadData()

    def records(self) -> Iterator[Record]:
        """Yield the records that can be read, split after split.

        Raises:
            DataError: If a file cannot be used at all.
        """
        for part in self._plan.parts:
            for path in part.paths:
                yield from self._file(part, path)

    def _file(self, part: Part, path: Path) -> Iterator[Record]:
        reader = _FileReader(part, path, self._plan, self._findings)
        fields = self.data.fields.setdefault(part.split, set())
        number, count, bad = SPLITS.index(part.split), 0, self._findings.total("malformed")
        for count, record in enumerate(reader.records(fields), start=1):
            check_characters(record, self._findings)
            self.data.splits.append(number)
            self.data.digests += digest_of(record.texts)
            if count % _AT_ONCE == 0:
                self._on_records("reading", _AT_ONCE)
            yield record
        self._on_records("reading", count % _AT_ONCE)
        if not count and self._findings.total("malformed") == bad:
            raise DataError(f"{path}: no record in it")
        self.data.files.append({"path": str(path), "split": part.split, "records": count})


class _FileReader:
    """Reads one file."""

    def __init__(self, part: Part, path: Path, plan: Plan, findings: Findings) -> None:
        self._path, self._limits, self._way, self._findings = path, part.limits, part.way, findings
        self._columns: dict[str, Column] = {
            name: kind_named(plan.wanted[name].kind, where=name).column(field, plan.options[name])
            for name, field in part.fields.items()
        }
        self._tags = _tag_findings(self._columns, findings)
        self._notices = Notices()  # of what is told here record by record
        self._read_fields = set(part.fields.values())
        self._unread: set[str] = set()

    def records(self, fields: set[str]) -> Iterator[Record]:
        """Yield the records; add the names of their fields."""
        for raw in read_raw(self._path, way=self._way, on_bad=self._bad):
            try:
                field, text, second = _texts_of(raw, self._limits)
            except DataError as error:
                self._bad(error)
                continue
            fields.update(raw.fields)
            self._tell_unread(raw, {field, self._limits.second_field})
            yield Record(text, self._annotations(raw, text), raw.source, second)
        for own in self._tags.values():
            own.finish()

    def _bad(self, error: DataError) -> None:
        self._findings.add_error(error, str(self._path))

    def _annotations(self, raw: RawRecord, text: str) -> dict[str, Any]:
        annotations = {}
        for task, column in self._columns.items():
            value = raw.fields.get(column.field)
            if value is None:
                continue
            tags = self._tags.get(task)
            if tags:
                tags.begin(text)
            try:
                annotations[task] = _annotation(value, text, raw, column, self._notices)
            except AnnotationError as error:
                if not (tags and tags.unfit_in_record):
                    found = f"field {column.field!r}: {error}"
                    self._findings.add("malformed", raw.source, found, text=text, task=task)
        return annotations

    def _tell_unread(self, raw: RawRecord, texts: set[str | None]) -> None:
        for name in raw.fields.keys() - self._read_fields - texts - self._unread:
            self._unread.add(name)
            self._findings.add("unread field", raw.source, f"field {name!r}, first seen here", field=name)


def _texts_of(raw: RawRecord, limits: Limits) -> tuple[str, str, str | None]:
    field, text = text_of(raw, limits)
    if not text.strip():
        raise DataError(f"{raw.source}: the field {field!r} holds no text")
    return field, text, second_text_of(raw, limits)


def _annotation(value: Any, text: str, raw: RawRecord, column: Column, notices: Notices) -> Any:
    if not _is_ascii(value) and not is_unicode(json.dumps(value, ensure_ascii=False)):
        raise AnnotationError("holds half a surrogate pair: no valid Unicode")
    return column.read(value, text, raw.source, notices)


def _is_ascii(value: Any) -> bool:
    """Whether a value is seen at once to hold nothing but ASCII."""
    try:
        return "".join(value).isascii()
    except TypeError:
        return False


def _tag_findings(columns: Mapping[str, Column], findings: Findings) -> dict[str, TagFindings]:
    """Have what reads tags tell of each that is odd."""
    found = {}
    for task, column in columns.items():
        reader = getattr(column, "tags", None)
        if isinstance(reader, TagReader):
            found[task] = TagFindings(task, findings)
            found[task].listen(reader)
    return found
