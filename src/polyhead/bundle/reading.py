"""Files from strangers: plain ones alone, read up to a limit, never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from polyhead.errors import BundleError
from polyhead.strict_json import JsonError, parse_json

MIB = 2**20


@contextmanager
def plain_file(path: Path, *, cure: str) -> Iterator[tuple[BufferedReader, int]]:
    """Open a file of a model.

    Args:
        path: The file.
        cure: What to do where it cannot be used, as it ends a message.

    Yields:
        The file, and how many bytes it has.

    Raises:
        BundleError: If it is missing, a link, or no plain file.
    """
    try:
        # No waiting for who writes to a pipe, and no following of a link, whatever its name leads to.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: {_why_not(error)}; {cure}") from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise BundleError(f"{path}: no plain file, so it is never read; {cure}")
    with os.fdopen(handle, "rb") as file:
        yield file, found.st_size


def read_text(path: Path, *, cure: str, limit: int = MIB) -> str:
    """Read a file that must be there.

    Args:
        path: The file.
        cure: What to do where it cannot be used, as it ends a message.
        limit: Bytes that it may have.

    Raises:
        BundleError: If it is missing, a link, no plain file, too large, or no text.
    """
    with plain_file(path, cure=cure) as (file, size):
        if size > limit:
            raise BundleError(f"{path}: too large: it may have {limit:,} bytes, found {size:,}; {cure}")
        try:
            return file.read(limit).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(f"{path}: cannot be read: {error}; {cure}") from error


def read_json(path: Path, *, cure: str, limit: int = MIB) -> Any:
    """Read a JSON file that must be there; see `read_text`.

    Raises:
        BundleError: If `read_text` does, or if it is no JSON.
    """
    try:
        return parse_json(read_text(path, cure=cure, limit=limit))
    except JsonError as error:
        raise BundleError(f"{path}: cannot be read as JSON: {error}; {cure}") from error


def _why_not(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "a link, which a model's folder never holds: it would lead out of it"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    return f"cannot be read: {error}"
