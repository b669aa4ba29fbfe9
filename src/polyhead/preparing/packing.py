"""Examples to arrays, some thousands at a time; and the arrays to files.

ids.npy, offsets.npy                    the rows' pieces, and where each row begins
seconds, texts, sources, continues      a number a row, see `StoredArrays`
carried.npy                             by row and task: whether it has something to say to it
N-values.npy                            the targets of the task with the number N: of rows, or of units
N-places.npy, N-offsets.npy             of units: where in its row each stands, and where each row's units begin
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Example, StoredArrays, StoredRows, StoredTargets
from polyhead.batching.targets import Array, known, owned_units
from polyhead.encoding import TextEncoder
from polyhead.preparing.arrays import ArrayWriter, open_array
from polyhead.preparing.examples import digested
from polyhead.tasks import IGNORE, HeadSpec

Arrays = dict[str, NDArray[Any]]
_NONE = np.zeros(0, dtype=np.int64)

_COMMON = {
    "ids": np.int32,
    "lengths": np.int32,
    "seconds": np.int32,
    "texts": np.int64,
    "sources": np.int32,
    "continues": np.bool_,
    "carried": np.bool_,
}


@dataclass(frozen=True)
class Packed:
    """Some rows as arrays.

    Attributes:
        arrays: By name, as the files are called; ``lengths`` and ``N-counts`` stand for offsets.
        digested: What a digest over these rows is taken of.
    """

    arrays: Arrays
    digested: bytes


def pack(texts: Iterable[list[Example]], heads: Mapping[str, HeadSpec], encoder: TextEncoder, *, first: int) -> Packed:
    """Make arrays of rows.

    Args:
        texts: The rows of each text.
        heads: The head of each task.
        encoder: What they were encoded with.
        first: The number of the first text.
    """
    numbered = [(first + at, example) for at, own in enumerate(texts) for example in own]
    examples = [example for _, example in numbered]
    arrays: Arrays = {
        "lengths": np.array([example.row.length for example in examples], dtype=np.int32),
        "ids": np.array([piece for example in examples for piece in _ids(example, encoder)], dtype=np.int32),
        "seconds": np.array([_second(example, encoder) for example in examples], dtype=np.int32),
        "texts": np.array([number for number, _ in numbered], dtype=np.int64),
        "sources": np.array([example.source for example in examples], dtype=np.int32),
        "continues": np.array([example.row.window.own_start > 0 for example in examples], dtype=np.bool_),
        "carried": np.array(
            [[name in example.targets for name in heads] for example in examples], dtype=np.bool_
        ).reshape(len(examples), len(heads)),
    }
    for number, (name, head) in enumerate(heads.items()):
        pack_targets = _targets_of_units if head.of_units else _targets_of_rows
        for part, values in pack_targets(examples, name, head, len(encoder.prefix)).items():
            arrays[f"{number}-{part}"] = values
    return Packed(arrays, b"".join(digested(examples)))


def _ids(example: Example, encoder: TextEncoder) -> list[int]:
    return encoder.row(example.row.encoded, example.row.window)[0]


def _second(example: Example, encoder: TextEncoder) -> int:
    if example.row.encoded.second is None:
        return -1
    return sum(encoder.row(example.row.encoded, example.row.window)[1])


def _targets_of_rows(examples: Sequence[Example], name: str, head: HeadSpec, _: int) -> Arrays:
    empty, kind = _empty(head)
    values = np.full((len(examples), *head.target), empty, dtype=kind)
    for index, example in enumerate(examples):
        if name in example.targets:
            values[index] = example.targets[name]
    return {"values": values}


def _targets_of_units(examples: Sequence[Example], name: str, head: HeadSpec, offset: int) -> Arrays:
    """Return the targets that units have; one without a target is left out, as what nothing is put in has none."""
    owners, places, values = [_NONE], [_NONE], [np.zeros((0, *head.target), dtype=_small(head))]
    for number, example in enumerate(examples):
        if name in example.targets:
            at, units = owned_units(example.row, head)
            owners.append(np.full(len(units), number))
            places.append(at + offset)
            values.append(example.targets[name][units])
    all_values = np.concatenate(values)
    has = known(all_values).any(axis=tuple(range(1, all_values.ndim)))
    return {
        "counts": np.bincount(np.concatenate(owners)[has], minlength=len(examples)).astype(np.int32),
        "places": np.concatenate(places)[has].astype(np.int32),
        "values": all_values[has],
    }


def _empty(head: HeadSpec) -> tuple[float, type[Any]]:
    return (np.nan, np.float32) if head.is_number else (IGNORE, np.int64)


def _small(head: HeadSpec) -> type[Any]:
    """Return the type that a head's targets are stored as: classes are many where a unit has a target of several."""
    if head.is_number:
        return np.float32
    return np.int8 if head.target else np.int32


class RowWriter:
    """Writes rows.

    Args:
        folder: Where its files go.
        heads: The head of each task.
    """

    def __init__(self, folder: Path, heads: Mapping[str, HeadSpec]) -> None:
        self._folder, self._heads = folder, heads
        self.rows, self._digest = 0, hashlib.sha256()
        self._writers: dict[str, ArrayWriter] = {}
        self._ends: dict[str, int] = {}
        for name, kind in _COMMON.items():
            self._open(name, kind, (len(heads),) if name == "carried" else ())
        for number, head in enumerate(heads.values()):
            self._open(f"{number}-values", _small(head), head.target)
            if head.of_units:
                self._open(f"{number}-places", np.int32)
                self._open(f"{number}-counts", np.int32)

    def _open(self, name: str, kind: type[Any], inner: tuple[int, ...] = ()) -> None:
        if not _is_counts(name):
            self._writers[name] = ArrayWriter(self._folder / f"{name}.npy", kind, inner)
            return
        name = _offsets(name)
        self._writers[name], self._ends[name] = ArrayWriter(self._folder / f"{name}.npy", np.int64), 0
        self._writers[name].append(np.zeros(1, dtype=np.int64))

    def add(self, packed: Packed) -> None:
        """Write some rows, which come behind those before.

        Raises:
            OverflowError: If a target does not fit into its file's type.
            OSError: If the disk does not take them.
        """
        self._digest.update(packed.digested)
        self.rows += len(packed.arrays["texts"])
        for name, values in packed.arrays.items():
            if _is_counts(name):
                self._add_offsets(_offsets(name), values)
            else:
                self._writers[name].append(values)

    def _add_offsets(self, name: str, counts: NDArray[Any]) -> None:
        ends = self._ends[name] + np.cumsum(counts, dtype=np.int64)
        self._ends[name] = int(ends[-1]) if len(ends) else self._ends[name]
        self._writers[name].append(ends)

    def close(self) -> str:
        """Have the files hold all that was written, and return the digest over all of it."""
        for writer in self._writers.values():
            writer.close()
        return self._digest.hexdigest()


def _is_counts(name: str) -> bool:
    return name == "lengths" or name.endswith("-counts")


def _offsets(name: str) -> str:
    return "offsets" if name == "lengths" else name.replace("counts", "offsets")


def files_of(heads: Mapping[str, HeadSpec]) -> Iterator[str]:
    """Yield the names of a writer's files."""
    for name in _COMMON:
        yield f"{_offsets(name) if _is_counts(name) else name}.npy"
    for number, head in enumerate(heads.values()):
        for part in ("values", "places", "offsets") if head.of_units else ("values",):
            yield f"{number}-{part}.npy"


def open_rows(
    folder: Path,
    heads: Mapping[str, HeadSpec],
    *,
    weights: Sequence[float],
    digest: str,
    remake: Callable[[int], list[Example]],
) -> StoredRows:
    """Open a writer's files; see `StoredRows`."""

    def array(name: str) -> Array:
        return open_array(folder / f"{name}.npy")

    targets = {
        name: StoredTargets(
            array(f"{number}-values"),
            array(f"{number}-places") if head.of_units else None,
            array(f"{number}-offsets") if head.of_units else None,
        )
        for number, (name, head) in enumerate(heads.items())
    }
    common = {_offsets(name) if _is_counts(name) else name: None for name in _COMMON}
    arrays = StoredArrays(**{name: array(name) for name in common}, weights=tuple(weights), targets=targets)
    return StoredRows(arrays, digest=digest, remake=remake)
