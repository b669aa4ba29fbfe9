"""Files to write to: plain, or compressed where the name says so."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from polyhead.errors import MissingExtraError


@contextmanager
def new_text(path: Path) -> Iterator[TextIO]:
    """Open a new UTF-8 text file; see `new_bytes`."""
    with new_bytes(path) as file, _as_text(file) as stream:
        yield stream


@contextmanager
def new_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a new file; one that is called ``.gz`` or ``.zst`` is compressed.

    Args:
        path: Where; nothing may be there yet.

    Raises:
        MissingExtraError: If it is to be compressed by zstd, and that is not installed.
    """
    with path.open("xb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(path.stem, "wb", fileobj=file, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        elif path.suffix == ".zst":
            try:
                import zstandard
            except ImportError as error:
                raise MissingExtraError(f"{path}: to compress with zstd", "formats") from error
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as zstd:
                yield cast("BinaryIO", zstd)
        else:
            yield file


def write_array(path: Path, objects: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSON array to a new file, an object a line."""
    with new_text(path) as stream:
        before = "["
        for each in objects:
            stream.write(f"{before}\n{json.dumps(each, ensure_ascii=False)}")
            before = ","
        stream.write("[\n]\n" if before == "[" else "\n]\n")


@contextmanager
def _as_text(binary: BinaryIO) -> Iterator[TextIO]:
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
    yield stream
    stream.flush()
    stream.detach()  # whoever opened what is below closes it
