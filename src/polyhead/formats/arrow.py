"""Arrow: a file (Feather, version 2) or a stream of record batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from polyhead.formats.annotated import Annotated
from polyhead.formats.arrow_rows import (
    each_readable,
    need_pyarrow,
    records_of,
    seekable,
)
from polyhead.formats.arrow_writing import batches_of, schema_of
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions
from polyhead.formats.spool import spooled
from polyhead.formats.writing import new_bytes

if TYPE_CHECKING:
    import pyarrow

_FILE, _STREAM = b"ARROW1", b"\xff\xff\xff\xff"


class Arrow:
    """An Arrow file or stream: read like `Parquet`, and written as a file."""

    name: ClassVar[str] = "arrow"
    title: ClassVar[str] = "Arrow"
    holds: ClassVar[Holds] = Holds(rest=True)

    def fits(self, place: Place) -> bool:
        """Whether the file begins as one does."""
        return place.first.startswith((_FILE, _STREAM))

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the rows; a line is the number of a row, from 1."""
        yield from rows_of_arrow(place, lost)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write records as an Arrow file, a batch of a few thousand at a time."""
        need_pyarrow(f"{path}: to write Arrow")
        import pyarrow as pa

        with spooled(records, path.parent) as spool, new_bytes(path) as file:
            schema = schema_of(spool)
            with pa.ipc.new_file(file, schema) as writer:
                for batch in batches_of(spool, schema):
                    writer.write_batch(batch)


def rows_of_arrow(place: Place, lost: Lost, features: Mapping[str, Any] | None = None) -> Iterator[RawRecord]:
    """Yield the rows of an Arrow file or stream; see `records_of`."""
    need_pyarrow(f"{place.name}: an Arrow file")
    with seekable(place) as file:
        batches = each_readable(_batches(file, is_file=place.first.startswith(_FILE)), place.name, Arrow.title)
        yield from each_readable(records_of(batches, place.name, lost, features), place.name, Arrow.title)


def _batches(file: BinaryIO, *, is_file: bool) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    if is_file:
        reader = pa.ipc.open_file(file)
        yield from (reader.get_batch(at) for at in range(reader.num_record_batches))
    else:
        yield from pa.ipc.open_stream(file)
