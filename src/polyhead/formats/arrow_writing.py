"""Records to Arrow tables: typed columns where all values of a field are of one sort, else JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from polyhead.formats.arrow_rows import JSON_MARK
from polyhead.formats.spool import Kind, Spool

if TYPE_CHECKING:
    import pyarrow

_ROWS, _CHARACTERS = 8192, 16 * 2**20
"""Where a batch ends."""


def schema_of(spool: Spool) -> pyarrow.Schema:
    """Return the columns that rows need."""
    import pyarrow as pa

    entity = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string())])
    types: Mapping[Kind, pyarrow.DataType] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "wholes": pa.list_(pa.int64()),
        "entities": pa.list_(entity),
        "json": pa.string(),
    }
    marked = {"json": dict([JSON_MARK])}
    return pa.schema([pa.field(name, types[kind], metadata=marked.get(kind)) for name, kind in spool.kinds.items()])


def batches_of(spool: Spool, schema: pyarrow.Schema) -> Iterator[pyarrow.RecordBatch]:
    """Yield the rows as batches; holds one at a time."""
    import pyarrow as pa

    mixed = [name for name, kind in spool.kinds.items() if kind == "json"]
    rows: list[dict[str, Any]] = []
    characters = 0
    for row in spool.rows():
        for name in mixed:
            if name in row:
                row[name] = json.dumps(row[name], ensure_ascii=False)
        rows.append(row)
        characters += len(row["text"])
        if len(rows) == _ROWS or characters > _CHARACTERS:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)
            rows, characters = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=schema)
