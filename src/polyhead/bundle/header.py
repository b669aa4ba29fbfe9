"""The header of a safetensors file, checked before anything is made of it.

8 bytes: length of the header · the header, JSON: name → dtype, shape, place · the tensors' bytes, without a gap
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from polyhead.bundle.reading import MIB, plain_file
from polyhead.errors import BundleError
from polyhead.strict_json import parse_json

BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "F32": 4,
    "I64": 8,
    "F64": 8,
}
"""Bytes of a value, by the format's name of its type; of the types that a network's weights have."""

_MOST_HEADER = MIB
_MOST_TENSORS = 10_000
_LONGEST_NAME = 512
_MOST_DIMENSIONS = 8
_MOST_ELEMENTS = 2**48


@dataclass(frozen=True)
class TensorInfo:
    """What is said of a tensor before its values are read.

    Attributes:
        dtype: The safetensors name of its type, such as ``F32``.
        shape: Its shape.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes its values take."""
        return self.elements * BYTES[self.dtype]


def read_header(path: Path, *, cure: str = "take the model from whoever trained it") -> dict[str, TensorInfo]:
    """Read and check the header of a safetensors file; of its tensors not a byte.

    Args:
        path: The file.
        cure: What to do where it cannot be used, as it ends a message.

    Returns:
        By name, what the file holds.

    Raises:
        BundleError: If the header is not what the format says, or its tensors do not fill the file exactly.
    """
    with plain_file(path, cure=cure) as (file, size):
        try:
            return _check(_parse(file, size), room=size - 8 - _length(file, size))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BundleError(f"{path}: cannot be read as safetensors: {error}; {cure}") from error


def check_tensor(name: object, dtype: object, shape: object) -> TensorInfo:
    """Check what a file says of a tensor.

    Raises:
        ValueError: If name, type or shape are none that a network's weights have.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(f"a tensor's name has 1 to {_LONGEST_NAME} characters, found {reprlib.repr(name)}")
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise ValueError(f"the tensor {name!r} is of type {reprlib.repr(dtype)}; known: {', '.join(BYTES)}")
    if not isinstance(shape, list | tuple) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"the tensor {name!r} has the shape {reprlib.repr(shape)}, no list of at most 8 numbers")
    if not all(type(side) is int and 0 <= side <= _MOST_ELEMENTS for side in shape):
        raise ValueError(f"the tensor {name!r} has the shape {reprlib.repr(shape)}, of which not all are sizes")
    info = TensorInfo(dtype, tuple(shape))
    if info.elements > _MOST_ELEMENTS:
        raise ValueError(f"the tensor {name!r} has {info.elements:,} values")
    return info


def _length(file: BinaryIO, size: int) -> int:
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= size - 8:
        raise ValueError(f"it says that its header has {length:,} bytes, the file has {size:,} in all")
    if length > _MOST_HEADER:
        raise ValueError(f"its header may have {_MOST_HEADER:,} bytes, found {length:,}")
    return length


def _parse(file: BinaryIO, size: int) -> dict[str, Any]:
    header = parse_json(file.read(_length(file, size)).decode("utf-8"))
    if not isinstance(header, dict):
        raise TypeError("its header is no JSON object")
    notes = header.pop("__metadata__", None) or {}
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise TypeError("the __metadata__ of its header is no table of texts")
    if len(header) > _MOST_TENSORS:
        raise ValueError(f"it may hold {_MOST_TENSORS:,} tensors, found {len(header):,}")
    return header


def _check(header: Mapping[str, Any], *, room: int) -> dict[str, TensorInfo]:
    """Check each tensor, and that together they fill the file without gap or overlap."""
    found, places = {}, []
    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"of the tensor {name[:80]!r} it must say dtype, shape and data_offsets, and no more")
        info = found[name] = check_tensor(name, entry["dtype"], entry["shape"])
        offsets = entry["data_offsets"]
        if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
            raise ValueError(f"the tensor {name!r} has no place in the file: {reprlib.repr(offsets)}")
        if offsets[1] - offsets[0] != info.bytes:
            raise ValueError(f"the tensor {name!r} takes {info.bytes:,} bytes, its place has {reprlib.repr(offsets)}")
        places.append((offsets[0], offsets[1]))
    end = 0
    for begin, stop in sorted(places):
        if begin != end:
            raise ValueError(f"its tensors leave a gap or overlap at byte {min(begin, end)} of the data")
        end = stop
    if end != room:
        raise ValueError(f"its tensors take {end:,} bytes, the file has {room:,} for them")
    return found
