"""`.npy` files that are written as a stream and read by the page."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_HEADER = 128
"""Bytes before the numbers: a multiple of 64, so that they lie as numpy wants them; enough for any shape of ours."""


class ArrayWriter:
    """Writes an array whose length is known only at the end.

    Args:
        path: The file.
        dtype: Of its numbers.
        inner: The shape behind the first axis.
    """

    def __init__(self, path: Path, dtype: DTypeLike, inner: tuple[int, ...] = ()) -> None:
        self._dtype, self._inner, self._rows = np.dtype(dtype), inner, 0
        self._file = path.open("wb")
        self._file.write(b" " * _HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            self.close()
        self._file.close()

    def append(self, values: NDArray[Any]) -> None:
        """Add rows.

        Raises:
            OverflowError: If a number does not fit, which would be stored as another.
        """
        own = np.ascontiguousarray(values, dtype=self._dtype)
        if own.dtype != values.dtype and not np.array_equal(own, values, equal_nan=own.dtype.kind == "f"):
            raise OverflowError(f"numbers of the type {values.dtype} do not fit into {own.dtype}")
        self._file.write(own.tobytes())
        self._rows += len(own)

    def close(self) -> None:
        """Write what stands before the numbers."""
        shape = (self._rows, *self._inner)
        about = repr({"descr": self._dtype.str, "fortran_order": False, "shape": shape}).encode()
        magic = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
        self._file.seek(0)
        self._file.write(magic + about.ljust(_HEADER - 11) + b"\n")
        self._file.close()


def open_array(path: Path) -> NDArray[Any]:
    """Open an array of which pages come into memory as they are looked at."""
    mode: Literal["r"] | None = "r" if path.stat().st_size > _HEADER else None  # nothing cannot be mapped
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))  # the plain class is quicker to index
