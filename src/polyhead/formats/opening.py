"""A path to the records in it: finds the format, opens, decodes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from polyhead.errors import DataError
from polyhead.formats.json_array import JsonArray
from polyhead.formats.json_lines import JsonLines
from polyhead.formats.raw import Format, RawRecord
from polyhead.formats.text_lines import TextLines

FORMATS: tuple[Format, ...] = (JsonArray(), JsonLines())
_HEAD = 4096


def read_raw(path: str | Path, *, plain_text: bool = False) -> Iterator[RawRecord]:
    """Yield the records of a file, in order, holding one at a time.

    Args:
        path: A file; ``-`` is standard input.
        plain_text: Take a file that is no JSON as one text a line.

    Raises:
        DataError: If the file cannot be read, is in no known format, is not UTF-8, or holds no record.
    """
    name = "<stdin>" if str(path) == "-" else str(path)
    with _opened(path) as binary:
        head = _head(binary, name)
        chosen = _format_of(name, head, plain_text)
        count = 0
        source = _KeepOpen(binary)
        with io.TextIOWrapper(cast("BinaryIO", source), encoding="utf-8-sig", newline=None) as stream:
            try:
                for record in chosen.read(stream, name):
                    count += 1
                    yield record
            except UnicodeDecodeError as error:
                line = 1 + source.newlines - error.object[error.start :].count(b"\n")
                raise DataError(
                    f"{name}:{line}: not UTF-8: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
                ) from error
    if not count:
        raise DataError(f"{name}: no record in it")


def format_of(path: str | Path) -> Format:
    """Return the format of a data file.

    Raises:
        DataError: If it cannot be read, or is in no known format.
    """
    with _opened(path) as binary:
        return _format_of(str(path), _head(binary, str(path)), plain_text=False)


@contextmanager
def _opened(path: str | Path) -> Iterator[io.BufferedReader]:
    if str(path) == "-":
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; opening alone is what may fail here)
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name the data file in it") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        yield file


def _head(binary: io.BufferedReader, name: str) -> str:
    first = binary.peek(_HEAD)
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name}: not UTF-8 but UTF-16, by its first two bytes; save the file as UTF-8")
    return first.decode("utf-8-sig", errors="replace").lstrip()


def _format_of(name: str, head: str, plain_text: bool) -> Format:
    text = TextLines()
    if plain_text and (name.endswith(".txt") or not head):
        return text
    if not head:
        raise DataError(f"{name}: the file is empty")
    for candidate in FORMATS:
        if candidate.fits(name, head):
            return candidate
    if plain_text:
        return text
    raise DataError(
        f"{name}:1: not JSON: the file begins with {head[:20]!r}; wanted an array of objects, or one object a line"
    )


class _KeepOpen(io.RawIOBase):
    """A binary stream that its text wrapper does not close, since whoever opened it does (standard input above all).

    Attributes:
        newlines: Those read so far, to tell the line of a byte that cannot be decoded.
    """

    def __init__(self, inner: io.BufferedReader) -> None:
        self._inner = inner
        self.newlines = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        piece = self._inner.read1(size)
        self.newlines += piece.count(b"\n")
        return piece

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(size) or b""

    def readinto(self, buffer: object) -> int:
        return self._inner.readinto(buffer)  # type: ignore[arg-type]
