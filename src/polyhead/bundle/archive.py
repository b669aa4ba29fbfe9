"""A `.pt` file before torch sees it: a zip as torch writes it, and a pickle read as data.

ROOT/data.pkl    the pickle: tables and texts, and of each tensor type, shape and the number of its storage
ROOT/data/N      storage N, as it lies in memory
ROOT/…           a few short notes: version, byteorder, …
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from polyhead.bundle.header import BYTES, TensorInfo, check_tensor
from polyhead.bundle.pickled import Call, Global, Persistent, PickleError, Reading, imports_of, read_pickle
from polyhead.bundle.reading import MIB, plain_file
from polyhead.errors import BundleError

STORAGES = {
    "torch.FloatStorage": "F32",
    "torch.DoubleStorage": "F64",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}
"""What tensors' values are kept in, with the safetensors name of its type."""

_TENSOR = "torch._utils._rebuild_tensor_v2"
KNOWN_IMPORTS = frozenset({_TENSOR, "collections.OrderedDict", *STORAGES})
"""What a file of tensors and texts imports; nothing else is let through to torch."""

_MOST_ENTRIES = 20_000
_MOST_PLACES = 50_000
_LARGEST_PICKLE = 96 * MIB
_SPARE = 4096
"""Bytes that a zip may spend on an entry beside its content."""
_CURE = "A .pt file of polyhead holds tensors and texts alone; take the model from whoever trained it, as a bundle"


@dataclass(frozen=True)
class Archive:
    """What a `.pt` file says, read as data.

    Attributes:
        value: Tables, lists and texts, with a `TensorInfo` for each tensor.
        imports: What its pickle imports, in order.
        entries: How many files the zip holds.
    """

    value: Any
    imports: tuple[str, ...]
    entries: int


def read_archive(path: Path) -> Archive:
    """Read what a `.pt` file says; nothing of it is run, imported or unpacked.

    Raises:
        BundleError: If it would run code, is damaged, or is no zip as torch writes it.
    """
    with plain_file(path, cure=_CURE) as (file, size):
        try:
            with zipfile.ZipFile(file) as archive:
                sizes = _check_entries(archive, file, size)
                content = _pickle_of(archive, sizes)
        except _NotTakenError as error:
            raise BundleError(f"{path}: refused: {error}. {_CURE}") from error
        except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError) as error:
            raise BundleError(_no_zip(path, file, error)) from error
    return _read(path, content, sizes)


class _NotTakenError(Exception):
    """The zip is whole, and none that torch writes."""


def _check_entries(archive: zipfile.ZipFile, file: BinaryIO, size: int) -> dict[str, int]:
    """Check the entries of the zip and return their sizes by name, less the folder around them all."""
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise _NotTakenError(f"it holds {len(entries):,} entries, more than {_MOST_ENTRIES:,}")
    if not any(entry.filename.endswith("data.pkl") for entry in entries):
        raise ValueError("no data.pkl")
    root = entries[0].filename.partition("/")[0]
    for entry in entries:
        _check_entry(entry, root)
    names = [entry.filename.partition("/")[2] for entry in entries]
    if len(set(names)) < len(names):
        raise _NotTakenError("it holds two entries of one name")
    if "data.pkl" not in names:
        raise ValueError("no data.pkl")
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise _NotTakenError("it is a TorchScript program, which is code")
    held = sum(entry.file_size for entry in entries)
    file.seek(0)
    if not held <= size <= held + _SPARE * (len(entries) + 1) or file.read(2) != b"PK":
        raise _NotTakenError(f"its entries take {held:,} bytes, the file has {size:,}: something is hidden in it")
    return {name: entry.file_size for name, entry in zip(names, entries, strict=True)}


def _check_entry(entry: zipfile.ZipInfo, root: str) -> None:
    name = entry.filename
    parts = name.split("/")
    if not root or parts[0] != root or len(parts) < 2 or any(part in {"", ".", ".."} for part in parts) or "\\" in name:
        raise _NotTakenError(f"it holds {name[:120]!r}, which lies outside its folder {root[:80]!r}")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise _NotTakenError(f"{name[:120]!r} is compressed, which torch never does: it may unpack without end")
    if entry.flag_bits & 1 or (entry.external_attr >> 16) & 0o170000 == 0o120000:
        raise _NotTakenError(f"{name[:120]!r} is a link, or under lock")


def _pickle_of(archive: zipfile.ZipFile, sizes: Mapping[str, int]) -> bytes:
    if sizes["data.pkl"] > _LARGEST_PICKLE:
        raise _NotTakenError(f"its data.pkl may have {_LARGEST_PICKLE:,} bytes, found {sizes['data.pkl']:,}")
    root = archive.infolist()[0].filename.partition("/")[0]
    return archive.read(f"{root}/data.pkl")


def _no_zip(path: Path, file: BinaryIO, error: Exception) -> str:
    """Say what a file is that is no zip: the pickles of old are named as such."""
    file.seek(0)
    beginning = file.read(MIB)
    if beginning[:1] == b"\x80" or imports_of(beginning):
        named = ", ".join(imports_of(beginning)[:5]) or "nothing that can be named"
        return (
            f"{path}: refused: a bare pickle, which runs code that came with the file; torch would read it with "
            f"weights_only=True at most. It imports {named}. {_CURE}"
        )
    return f"{path}: cannot be read: damaged, or no .pt file ({type(error).__name__}: {error})"


def _read(path: Path, content: bytes, sizes: Mapping[str, int]) -> Archive:
    if foreign := [name for name in imports_of(content) if name not in KNOWN_IMPORTS]:
        raise BundleError(
            f"{path}: refused: reading it would run code that came with the file: it imports "
            f"{', '.join(foreign[:5])}, which weights_only=True does not let through. {_CURE}"
        )
    try:
        reading: Reading = read_pickle(content)
        return Archive(_Tensors(sizes).replace(reading.value), reading.imports, len(sizes))
    except PickleError as error:
        raise BundleError(f"{path}: refused: its pickle is not of tensors and texts alone: {error}. {_CURE}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read: its tensors are not whole: {error}. {_CURE}") from error


class _Tensors:
    """Replaces what would make a tensor by what is said of it.

    Values may hold one another many times over, so that what is small in the file is endless to go through or to
    print: places are counted, and no message quotes a value.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes, self._places = sizes, 0

    def replace(self, value: Any) -> Any:
        """Return a value with a `TensorInfo` for each tensor."""
        self._places += 1
        if self._places > _MOST_PLACES:
            raise ValueError(f"its tables have more than {_MOST_PLACES:,} places")
        if isinstance(value, dict):
            return {key: self.replace(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.replace(inner) for inner in value]
        if isinstance(value, Call):
            return self._tensor(value)
        if isinstance(value, Global | Persistent):
            raise TypeError("it holds a name or a storage where a value should be")
        return value

    def _tensor(self, call: Call) -> TensorInfo:
        """Check a tensor: laid out in a row, and its storage holds what it says."""
        function, arguments = call.function, call.arguments
        if not isinstance(function, Global) or function.name != _TENSOR:
            raise TypeError("it calls what makes no tensor")
        if not isinstance(arguments, tuple) or len(arguments) < 4 or not isinstance(arguments[0], Persistent):
            raise TypeError("a tensor has no storage")
        offset, shape, strides = arguments[1:4]
        if not _numbers(shape) or not _numbers(strides) or not _numbers((offset,)):
            raise TypeError("a tensor's shape, strides or offset are no numbers")
        dtype, number, elements = self._storage(arguments[0].key)
        info = check_tensor(number, dtype, shape)
        if offset < 0 or offset + info.elements > elements:
            raise ValueError(f"a tensor of shape {info.shape} reaches beyond its storage")
        if info.elements > 1 and not _in_a_row(info.shape, strides):
            raise ValueError(f"a tensor of shape {info.shape} is not laid out in a row: its strides are {strides}")
        return info

    def _storage(self, key: Any) -> tuple[str, str, int]:
        """Return type, number and values of a storage."""
        if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage" or not isinstance(key[1], Global):
            raise TypeError("a storage is not said as torch says it")
        dtype, number, elements = STORAGES[key[1].name], key[2], key[4]
        if not isinstance(number, str) or type(elements) is not int:
            raise TypeError("a storage is not said as torch says it")
        if elements * BYTES[dtype] != self._sizes.get(f"data/{number}"):
            raise ValueError(f"the storage {number[:40]!r} has not the size that is said of it")
        return dtype, number, elements


def _numbers(found: Any) -> bool:
    return isinstance(found, tuple) and len(found) <= 8 and all(type(one) is int for one in found)


def _in_a_row(shape: tuple[int, ...], strides: Any) -> bool:
    wanted = [math.prod(shape[at + 1 :]) for at in range(len(shape))]
    pairs = zip(shape, wanted, strides, strict=True)
    return all(side == 1 or expected == stride for side, expected, stride in pairs)
