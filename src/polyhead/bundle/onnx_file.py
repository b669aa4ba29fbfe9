"""An ONNX file from strangers, looked through before any runtime opens it.

The format (onnx.proto3) is protocol buffers: fields of a number and a type each, some of them messages again. What is
looked for are tensors whose values lie in other files, operators of other packages, and graphs inside graphs (loops
that need not end): no model that was exported here has any of these.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from polyhead.bundle.reading import plain_file
from polyhead.errors import BundleError

MOST_BYTES = 2**31
"""What one message of protocol buffers can have."""
_CURE = "take the model from whoever exported it once more"
_DOMAINS = frozenset({b"", b"ai.onnx", b"com.microsoft"})
"""Of the operators that every ONNX Runtime has."""
_MOST_NODES = 200_000

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, int, int]
"""Number, type; then value, or where its bytes begin; and where they end."""


def check_onnx(path: Path) -> str:
    """See that a file is one ONNX graph that reaches nothing beside it.

    Returns:
        What was found, in words.

    Raises:
        BundleError: If it is damaged, cut short, no ONNX file, or holds what no exported model has.
    """
    with plain_file(path, cure=_CURE) as (file, size):
        if size > MOST_BYTES:
            raise BundleError(f"{path}: an ONNX file may have {MOST_BYTES:,} bytes, found {size:,}; {_CURE}")
        if not size:
            raise BundleError(f"{path}: empty; {_CURE}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            look = _Look(content)
            try:
                look.model(0, size)
            except _MalformedError as error:
                raise BundleError(f"{path}: cannot be read as ONNX: {error}; {_CURE}") from error
            except _RefusedError as error:
                raise BundleError(f"{path}: refused: {error}; {_CURE}") from error
    return f"{look.nodes:,} operators, {look.tensors:,} tensors, all of them in this file"


class _MalformedError(Exception):
    """The bytes are not what the format says."""


class _RefusedError(Exception):
    """The file holds what is not taken."""


class _Look:
    """Goes through a model's messages, those of tensors' values left aside."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self.nodes = self.tensors = 0

    def model(self, start: int, stop: int) -> None:
        graphs = 0
        for number, kind, at, end in self._fields(start, stop):
            if number == 7 and kind == _BYTES:
                graphs += 1
                self._graph(at, end)
            elif number in (20, 25):
                raise _RefusedError("it holds training steps or functions, which no exported model has")
        if graphs != 1 or not self.nodes:
            raise _MalformedError("there is no graph in it, as in a file that was cut short or is of another format")

    def _graph(self, start: int, stop: int) -> None:
        self._each(start, stop, {1: self._node, 5: self._tensor, 15: self._sparse})

    def _node(self, start: int, stop: int) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise _RefusedError(f"it has more than {_MOST_NODES:,} operators")
        for number, _, at, end in self._fields(start, stop):
            if number == 7 and bytes(self._content[at:end]) not in _DOMAINS:
                domain = bytes(self._content[at : min(end, at + 80)]).decode("utf-8", "replace")
                raise _RefusedError(f"it uses operators of {domain!r}, which come with other packages")
            if number == 5:
                self._attribute(at, end)

    def _attribute(self, start: int, stop: int) -> None:
        for number, _, at, end in self._fields(start, stop):
            if number in (6, 11):
                raise _RefusedError("it holds a graph inside its graph (If, Loop, Scan), which no exported model has")
            if number in (5, 10):
                self._tensor(at, end)
            elif number in (22, 23):
                self._sparse(at, end)

    def _sparse(self, start: int, stop: int) -> None:
        self._each(start, stop, {1: self._tensor, 2: self._tensor})

    def _tensor(self, start: int, stop: int) -> None:
        self.tensors += 1
        for number, _, at, _ in self._fields(start, stop):
            if number == 13 or (number == 14 and at != 0):
                raise _RefusedError("the values of a tensor lie in another file, which it names (external data)")

    def _each(self, start: int, stop: int, inner: dict[int, Callable[[int, int], None]]) -> None:
        for number, kind, at, end in self._fields(start, stop):
            if kind == _BYTES and number in inner:
                inner[number](at, end)

    def _fields(self, start: int, stop: int) -> Iterator[Field]:
        at = start
        while at < stop:
            key, at = self._varint(at, stop)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, at = self._varint(at, stop)
                yield number, kind, value, at
                continue
            length, at = self._length(kind, at, stop)
            if number == 0 or length > stop - at:
                raise _MalformedError(f"a field at byte {at:,} reaches beyond its message")
            yield number, kind, at, at + length
            at += length

    def _length(self, kind: int, at: int, stop: int) -> tuple[int, int]:
        if kind == _BYTES:
            return self._varint(at, stop)
        if kind in (_FIXED64, _FIXED32):
            return (8 if kind == _FIXED64 else 4), at
        raise _MalformedError(f"a field at byte {at:,} is of no known type")

    def _varint(self, at: int, stop: int) -> tuple[int, int]:
        value = shift = 0
        content: Any = self._content
        while at < stop and shift < 70:
            byte = content[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise _MalformedError(f"a number at byte {at:,} has no end")
