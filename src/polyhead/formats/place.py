"""Something to read: a file, compressed or not, a folder, or standard input."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from polyhead.errors import DataError, MissingExtraError

_HEAD = 4096
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Place:
    """A file or folder with data.

    Attributes:
        name: As the user named it, for messages.
        path: Where it is; `None` for standard input.
        stream: Its bytes, decompressed; `None` for a folder.
        packed: Whether the file itself is compressed.
    """

    name: str
    path: Path | None
    stream: io.BufferedReader | None
    packed: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.stream is None

    @cached_property
    def first(self) -> bytes:
        """Its first bytes; none of a folder."""
        if self.stream is None:
            return b""
        with _whole(self.name):
            return self.stream.peek(_HEAD)[:_HEAD]

    @cached_property
    def head(self) -> str:
        """What it begins with as text, without blanks before it; whatever is no UTF-8 in it is replaced."""
        return self.first.decode("utf-8-sig", errors="replace").lstrip()

    def is_called(self, *endings: str) -> bool:
        """Whether its name, without that of a compression, ends so."""
        return self.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(endings)

    def holds(self, *names: str) -> bool:
        """Whether it is a folder with all these files in it."""
        return self.is_folder and self.path is not None and all((self.path / name).is_file() for name in names)

    @contextmanager
    def text(self, *, newline: str | None = None, errors: str = "strict") -> Iterator[TextIO]:
        """Open it as UTF-8 text; ends of lines become newlines unless `newline` says otherwise, as `open` has it.

        Raises:
            DataError: If it is a folder, or at the line that is not UTF-8.
        """
        source = _KeepOpen(self.bytes(), self.name)
        with io.TextIOWrapper(cast("BinaryIO", source), encoding="utf-8-sig", errors=errors, newline=newline) as stream:
            try:
                yield stream
            except UnicodeDecodeError as error:
                line = 1 + source.newlines - error.object[error.start :].count(b"\n")
                raise DataError(
                    f"{self.name}:{line}: not UTF-8: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
                ) from error

    def bytes(self) -> io.BufferedReader:
        """Return its bytes, decompressed.

        Raises:
            DataError: If it is a folder, or UTF-16.
        """
        if self.stream is None:
            raise DataError(f"{self.name}: is a folder; name the data file in it")
        if self.first.startswith(_UTF16):
            raise DataError(f"{self.name}: not UTF-8 but UTF-16, by its first two bytes; save the file as UTF-8")
        return self.stream

    @contextmanager
    def inside(self, name: str) -> Iterator[Place]:
        """Open a file of a folder.

        Raises:
            DataError: If it is not there, or cannot be read, or stands outside the folder (a link).
        """
        assert self.path is not None  # noqa: S101 (only folders are looked into, and these have a path)
        path = self.path / name
        try:
            path.resolve().exists()
        except (OSError, ValueError) as error:  # no file can be called so: too long, or no valid Unicode
            raise DataError(f"{self.name}: names the file {name[:80]!r}, which there cannot be") from error
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise DataError(f"{path}: leads out of the folder {self.name}; put the file itself there")
        with opened(path, name=f"{self.name.rstrip('/')}/{name}") as place:
            yield place


@contextmanager
def opened(path: str | Path, *, name: str | None = None) -> Iterator[Place]:
    """Open a file or folder; ``-`` is standard input.

    Args:
        path: Where it is.
        name: What to call it in messages; as `path` says where not given.

    Raises:
        DataError: If it is not there or cannot be read.
    """
    if str(path) == "-":
        yield Place(name or "<stdin>", None, cast("io.BufferedReader", sys.stdin.buffer))
        return
    name, path = name or str(path), Path(path)
    if path.is_dir():
        yield Place(name, path, None)
        return
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such file") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    with file, _whole(name):
        stream = _decompressed(file, name)
        yield Place(name, path, stream, packed=stream is not file)


def _decompressed(file: io.BufferedReader, name: str) -> io.BufferedReader:
    first = file.peek(4)
    if first.startswith(_GZIP):
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)))
    if first.startswith(_ZSTD):
        try:
            from polyhead.formats.zstd import ZstdReader
        except ImportError as error:
            raise MissingExtraError(f"{name}: a file compressed with zstd", "formats") from error
        return io.BufferedReader(cast("io.RawIOBase", ZstdReader(file)))
    return file


@contextmanager
def _whole(name: str) -> Iterator[None]:
    """Turn what decompression raises into a complaint about the file."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: damaged: {error}; it was cut short, say, or changed") from error
    except Exception as error:
        if type(error).__module__.startswith("zstandard"):
            raise DataError(f"{name}: damaged: {error}; it was cut short, say, or changed") from error
        raise


class _KeepOpen(io.RawIOBase):
    """A binary stream that its text wrapper does not close, since whoever opened it does (standard input above all).

    Attributes:
        newlines: Those read so far, to tell the line of a byte that cannot be decoded.
    """

    def __init__(self, inner: io.BufferedReader, name: str) -> None:
        self._inner, self._name = inner, name
        self.newlines = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        piece = self._taken(self._inner.read1, size)
        self.newlines += piece.count(b"\n")
        return piece

    def read(self, size: int = -1) -> bytes:
        return self._taken(self._inner.read, size)

    def readinto(self, buffer: object) -> int:
        return self._inner.readinto(buffer)  # type: ignore[arg-type]

    def _taken(self, read: Callable[[int], Any], size: int) -> bytes:
        with _whole(self._name):
            return read(size) or b""
