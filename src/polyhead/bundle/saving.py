"""Files and folders that appear whole or not at all, whenever the process is killed and whatever the disk does."""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyhead.bundle.manifest import MANIFEST, manifest_of

_UNFINISHED = re.compile(r"\..+-[0-9a-f]{8}\.tmp")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a temporary folder, which then takes its name, in place of what had it before.

    Every file is flushed to disk, then the manifest is written and flushed, then the folder takes its name, and then
    the folder around it is flushed: whatever happens on the way, under the name stands what stood there, or the new.

    Args:
        folder: The name it takes in the end.

    Yields:
        The temporary folder. When the block raises, it goes and `folder` stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(folder)
    temporary.mkdir()
    try:
        yield temporary
        mode = temporary.stat().st_mode & 0o666
        for file in temporary.iterdir():
            file.chmod(mode)  # safetensors keeps its files to their owner; we do not
            _flush(file)
        (temporary / MANIFEST).write_text(manifest_of(temporary), encoding="utf-8")
        _flush(temporary / MANIFEST)
        _flush(temporary)
        _take_place(temporary, folder)
        _flush(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # what was there before, or what was not finished


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Fill a temporary file, which then takes its name.

    Yields:
        The temporary file's path. When the block raises, the file goes and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no part of it is ever seen under its name."""
    outgoing = _beside(folder)
    folder.rename(outgoing)
    shutil.rmtree(outgoing)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left unfinished in a folder."""
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if _UNFINISHED.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _beside(path: Path) -> Path:
    """Return a name that `sweep` knows, on the same disk."""
    return path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")


def _take_place(temporary: Path, folder: Path) -> None:
    """Give a folder its name; one that had it gets the temporary name."""
    if not folder.exists():
        temporary.rename(folder)
    elif not _exchange(temporary, folder):
        # No such call here: between two renames neither has the name, which is as near as one gets.
        outgoing = _beside(folder)
        folder.rename(outgoing)
        temporary.rename(folder)
        shutil.rmtree(outgoing)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one move, where the system (Linux) and the disk can do that."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _flush(path: Path) -> None:
    """Have the disk hold what the system has of a file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
