"""A process that encodes chunks: `python -m polyhead.preparing.worker`.

in    a line of JSON, the recipe; then a line of JSON a chunk
out   for each chunk its arrays, see `write_answer`; or what went wrong

Neither side sends code: arrays go as their bytes, errors by the name of their class. No torch is imported here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from polyhead.encoding import TextEncoder
from polyhead.errors import PolyheadError
from polyhead.preparing.arrays import open_array
from polyhead.preparing.encoding import Chunk, ChunkEncoder, NoticeState, Recipe
from polyhead.preparing.packing import Packed
from polyhead.preparing.spool import RecordFile, StoredRecords
from polyhead.processes import answer_a_process, read_header, write_error
from polyhead.tasks import restore_task


def main() -> None:
    """Encode chunks until there are no more."""
    answer_a_process(_answer)


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    if not (recipe := source.readline()):
        return  # whoever started this one is gone
    encoder = made_of(Recipe(**json.loads(recipe)))
    for line in iter(source.readline, b""):
        try:
            write_answer(sink, *encoder.encode(Chunk(**json.loads(line))))
        except PolyheadError as error:
            write_error(sink, error)
        sink.flush()


def made_of(recipe: Recipe) -> ChunkEncoder:
    """Follow a recipe."""
    folder = Path(recipe.folder)
    file = RecordFile.opened(folder)
    sets = [StoredRecords(file, open_array(folder / name)) for name in recipe.places]
    encoder = TextEncoder(recipe.tokenizer_json, **recipe.encoding)
    return ChunkEncoder(sets, recipe.weights, [restore_task(state) for state in recipe.tasks], encoder, recipe.strict)


def write_answer(sink: BinaryIO, packed: Packed, notices: NoticeState) -> None:
    """Write a line of JSON that says what follows, then the bytes of each array, then those of the digest."""
    arrays = {name: np.ascontiguousarray(values) for name, values in packed.arrays.items()}
    about = [(name, values.dtype.str, values.shape) for name, values in arrays.items()]
    header = {"arrays": about, "digested": len(packed.digested), "notices": notices}
    sink.write(json.dumps(header).encode() + b"\n")
    for values in arrays.values():
        sink.write(values.tobytes())
    sink.write(packed.digested)


def read_answer(source: BinaryIO) -> tuple[Packed, NoticeState]:
    """Undo `write_answer`.

    Raises:
        PolyheadError: The error that was written.
        EOFError: If there is nothing to read: the process ended.
    """
    header = read_header(source)
    arrays = {name: _array(source, kind, shape) for name, kind, shape in header["arrays"]}
    notices = [(rule, first, count) for rule, first, count in header["notices"]]
    return Packed(arrays, _exactly(source, header["digested"])), notices


def _array(source: BinaryIO, kind: str, shape: list[int]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(kind)
    size = dtype.itemsize * int(np.prod(shape))
    return np.frombuffer(_exactly(source, size), dtype=dtype).reshape(shape)


def _exactly(source: BinaryIO, size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise EOFError
    return found


if __name__ == "__main__":
    main()
