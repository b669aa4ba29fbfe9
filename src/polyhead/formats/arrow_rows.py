"""Rows of Arrow tables to records: what Parquet, Arrow files and saved data sets share."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from polyhead.errors import AnnotationError, DataError, MissingExtraError
from polyhead.formats.class_names import Named, features_in, names_by_column
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord
from polyhead.formats.words import checked_words
from polyhead.records import Source
from polyhead.strict_json import JsonError, parse_json

if TYPE_CHECKING:
    import pyarrow

T = TypeVar("T")

JSON_MARK = (b"polyhead", b"json")
"""What the metadata of a column say whose strings are JSON: its values are of several sorts."""

_SLICE = 1024
"""Rows that are Python objects at a time."""
_TEXT, _WORDS = ("text", "sentence"), ("tokens", "words")


def need_pyarrow(what: str) -> None:
    """Raise `MissingExtraError` if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(what, "formats") from error


@contextmanager
def seekable(place: Place) -> Iterator[BinaryIO]:
    """Yield the bytes of a file that can be read at any place; of a stream or a compressed file, a copy of them."""
    stream = place.bytes()
    if place.path is not None and isinstance(stream.raw, io.FileIO):
        with place.path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile(prefix="polyhead-") as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy


@contextmanager
def readable(name: str, title: str) -> Iterator[None]:
    """Turn what pyarrow raises about a file into a complaint that names it."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        said = " ".join(str(error).split())[:300] or "it asks for more memory than there is"
        raise DataError(f"{name}: cannot be read as {title}: {said}") from error


def each_readable(values: Iterable[T], name: str, title: str) -> Iterator[T]:
    """Yield values; what goes wrong between them is a complaint about the file."""
    iterator = iter(values)
    while True:
        with readable(name, title):
            try:
                value = next(iterator)
            except StopIteration:
                return
        yield value


def records_of(
    batches: Iterable[pyarrow.RecordBatch],
    name: str,
    lost: Lost,
    features: Mapping[str, Any] | None = None,
) -> Iterator[RawRecord]:
    """Yield a record for each row; its line is its number, from 1.

    Args:
        batches: Batches of one schema.
        name: The file, for messages.
        lost: Hears of columns that hold what JSON has not.
        features: What the `datasets` library says of the columns; as the schema's metadata have it where not given.

    Raises:
        DataError: If a batch is damaged, or a value can be none of a record.
    """
    table: _Table | None = None
    number = 0
    for batch in batches:
        batch.validate(full=True)  # a damaged file would have memory read that is not its own
        if table is None:
            table = _Table.of(batch.schema, Source(name, 1), lost, features)
        for start in range(0, batch.num_rows, _SLICE):
            for row in batch.slice(start, _SLICE).select(table.taken).to_pylist():
                number += 1
                yield table.record(row, Source(name, number))


@dataclass(frozen=True)
class _Table:
    """What becomes of the columns of a table."""

    taken: list[str]
    changes: Mapping[str, Callable[[Any], Any]]
    names: Mapping[str, Named]

    @classmethod
    def of(cls, schema: pyarrow.Schema, source: Source, lost: Lost, features: Mapping[str, Any] | None) -> _Table:
        """Decide from the types of the columns."""
        if len(set(schema.names)) < len(schema.names):
            twice = next(name for name in schema.names if schema.names.count(name) > 1)
            raise DataError(f"{source.path}: two columns are called {twice!r}")
        taken, changes = [], {}
        for field in schema:
            change = _from_json if _is_json(field) else _change(field.type)
            if change is None:
                lost(Loss("dropped", source, field.name, f"a column of {field.type}, which JSON has not"))
                continue
            if change is _as_text:
                lost(Loss("changed", source, field.name, f"a column of {field.type} (its values became strings)"))
            taken.append(field.name)
            changes[field.name] = change
        return cls(taken, changes, names_by_column(features_in(schema.metadata) if features is None else features))

    def record(self, row: Mapping[str, Any], source: Source) -> RawRecord:
        """Make a record of a row; what is null is unknown, and left out."""
        fields: dict[str, Any] = {}
        for column, value in row.items():
            try:
                value = self.changes[column](value)
                if value is not None and column in self.names:
                    value = self.names[column](value)
            except AnnotationError as error:
                raise DataError(f"{source}: field {column!r}: {error}") from error
            if value is not None:
                fields[column] = value
        return RawRecord(_with_text(fields, source), source)


def _with_text(fields: dict[str, Any], source: Source) -> dict[str, Any]:
    """Join words to a text where a record has but these."""
    if any(name in fields for name in _TEXT):
        return fields
    name = next((own for own in _WORDS if isinstance(fields.get(own), list)), None)
    if name is None or not all(isinstance(word, str) for word in fields[name]):
        return fields
    words = fields[name]
    checked_words(words, [source] * len(words))
    return {"text": " ".join(words), **{own: value for own, value in fields.items() if own != name}}


def _is_json(field: pyarrow.Field) -> bool:
    import pyarrow.types as types

    return (field.metadata or {}).get(JSON_MARK[0]) == JSON_MARK[1] and types.is_string(field.type)


def _from_json(value: Any) -> Any:
    if value is None:
        return None
    try:
        return parse_json(value)
    except JsonError as error:
        raise AnnotationError(f"not valid JSON: {error}") from error


def _change(kind: pyarrow.DataType) -> Callable[[Any], Any] | None:
    """Return what makes JSON of values of a type; `None` where nothing does."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _change(kind.value_type)
    if types.is_temporal(kind) or types.is_decimal(kind):
        return _as_text
    return _plain if _is_plain(kind) else None


def _is_plain(kind: pyarrow.DataType) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_plain(kind.value_type)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(at).type) for at in range(kind.num_fields))
    plain = (
        types.is_null,
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_string,
        types.is_large_string,
    )
    return any(check(kind) for check in plain)


def _as_text(value: Any) -> str | None:
    return None if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plain(value: Any) -> Any:
    """Return a value without what is null in its objects; NaN, as tables mark what lacks, is null as well."""
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise AnnotationError(f"{value} is not a JSON value")
        return None if value != value else value
    if isinstance(value, list):
        return [_plain(own) for own in value]
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items() if own is not None}
    return value
