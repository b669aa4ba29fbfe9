"""Parquet: a record a row, in typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from polyhead.formats.annotated import Annotated
from polyhead.formats.arrow_rows import (
    each_readable,
    need_pyarrow,
    readable,
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

_BATCH = 1024


class Parquet:
    """A Parquet file; rows are read batch by batch, and written in groups.

    What is null is unknown. Where a row has no text but ``tokens``, these are joined by blanks. Written is a column for
    each field; one whose values are of several sorts holds JSON, which is marked so in the column's metadata.
    """

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet"
    holds: ClassVar[Holds] = Holds(rest=True)

    def fits(self, place: Place) -> bool:
        """Whether the file begins as one does."""
        return place.first.startswith(b"PAR1")

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the rows; a line is the number of a row, from 1."""
        need_pyarrow(f"{place.name}: a Parquet file")
        import pyarrow.parquet as pq

        with seekable(place) as file:
            with readable(place.name, self.title):
                table = pq.ParquetFile(file, pre_buffer=False, buffer_size=2**20)
            batches = each_readable(table.iter_batches(batch_size=_BATCH), place.name, self.title)
            yield from each_readable(records_of(batches, place.name, lost), place.name, self.title)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write records, a row group of a few thousand at a time."""
        need_pyarrow(f"{path}: to write Parquet")
        import pyarrow.parquet as pq

        with spooled(records, path.parent) as spool, new_bytes(path) as file:
            schema = schema_of(spool)
            with pq.ParquetWriter(file, schema) as writer:
                for batch in batches_of(spool, schema):
                    writer.write_batch(batch)
