"""Files to write to: plain, or compressed where the name says so."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from polyhead.errors import MissingExtraError


@contextmanager
def new_text(path: Path) -> Iterator[TextIO]:
    """Open a new UTF-8 text file; one that is called ``.gz`` or ``.zst`` is compressed.

    Args:
        path: Where; nothing may be there yet.

    Raises:
        MissingExtraError: If it is to be compressed by zstd, and that is not installed.
    """
    with path.open("xb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(path.stem, "wb", fileobj=file, mtime=0) as packed, _as_text(packed) as stream:
                yield stream
        elif path.suffix == ".zst":
            try:
                import zstandard
            except ImportError as error:
                raise MissingExtraError(f"{path}: to compress with zstd", "formats") from error
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as zstd, _as_text(zstd) as stream:
                yield stream
        else:
            with _as_text(file) as stream:
                yield stream


@contextmanager
def _as_text(binary: object) -> Iterator[TextIO]:
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")  # type: ignore[type-var]
    yield stream
    stream.flush()
    stream.detach()  # whoever opened what is below closes it
