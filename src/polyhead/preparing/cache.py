"""The folder in which records, rows and a frozen encoder's states are kept between runs.

records-KEY/, rows-KEY/, states-KEY/    an entry each, with a manifest; it appears whole or not at all

Whoever uses or writes an entry holds a lock on its folder, which goes with the process: what nobody holds may go.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from polyhead.bundle.manifest import verify
from polyhead.bundle.saving import new_folder, remove_folder
from polyhead.errors import BundleError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

MOST_BYTES = 20 * 2**30
"""What all entries may take together; those that were not used for longest go first."""
LEFT_FREE = 2**30
"""Bytes of the disk that a large entry leaves to others."""
SMALLEST = 2**20
"""Bytes of data files below which nothing is kept unless a folder is named: they are read and tokenised in a second."""
_ENTRY = re.compile(r"(records|rows|states)-[0-9a-f]{32}")
_UNFINISHED = re.compile(r"\.(records|rows|states)-[0-9a-f]{32}-[0-9a-f]{8}\.tmp")
_YOUNG = 60.0
"""Seconds in which a folder that is being written may not have its lock yet."""


class Entry:
    """An entry in use: nobody removes it as long as this object lives.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle: int | None = None
        if fcntl is not None:
            self._handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            os.close(self._handle)  # type: ignore[arg-type]


class Cache:
    """Keeps what was prepared.

    Args:
        folder: Where.

    Attributes:
        said: What a person should know of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    @classmethod
    def for_files(cls, setting: Path | Literal["off"] | None, files: Iterable[Path]) -> Cache | None:
        """Return the cache that some data files are prepared in; `None` where there is to be none.

        Args:
            setting: `data.cache`.
            files: The data files.
        """
        if not hasattr(os, "pread"):
            return None
        if setting is not None:
            return cls.at(setting)
        try:
            size = sum(path.stat().st_size for path in files)
        except OSError:  # a file is missing, which reading says
            return None
        return cls.at(None) if size >= SMALLEST else None

    @classmethod
    def at(cls, setting: Path | Literal["off"] | None) -> Cache | None:
        """Return the cache that a setting names, or the usual one; `None` where there is to be none, or no home.

        Args:
            setting: `data.cache`.
        """
        if setting == "off":
            return None
        try:
            return cls(setting if setting is not None else _usual_folder())
        except RuntimeError:
            return None

    def find(self, kind: str, key: str, names: Sequence[str]) -> Entry | None:
        """Return an entry, after checking its files; a damaged one is removed.

        Args:
            kind: ``records``, ``rows`` or ``states``.
            key: Its key.
            names: The files that it must have.
        """
        folder = self._folder_of(kind, key)
        try:
            if not folder.is_dir():
                return None
            entry = Entry(folder)
            verify(folder, names, cure="it is made anew")
            with suppress(OSError):  # where only others may write: then they know when it was used
                os.utime(folder)
        except BundleError as error:
            self.remove(kind, key, why=str(error))
            return None
        except OSError as error:  # it went between two looks, or cannot be read
            self.said.append(f"not read: {folder}: {error.strerror}")
            return None
        return entry

    def remove(self, kind: str, key: str, *, why: str) -> None:
        """Remove an entry that turned out to be damaged."""
        self.said.append(f"a damaged entry was removed: {why}")
        with suppress(OSError):
            remove_folder(self._folder_of(kind, key))

    def why(self, error: Exception) -> str:
        """Return, for people, what stands in the way of keeping something."""
        if isinstance(error, OSError):
            return f"{error.filename or self.folder}: {error.strerror or error}"
        return str(error)

    @contextmanager
    def new(self, kind: str, key: str) -> Iterator[Entry]:
        """Fill a new entry, which takes its place when it is whole; when the block raises, there is none.

        Raises:
            OSError: If it cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds texts, which may be for few eyes only
        self._sweep()
        folder = self._folder_of(kind, key)
        filled = False
        try:
            with new_folder(folder) as temporary:
                entry = Entry(temporary)
                yield entry
                filled = True
        except OSError as error:
            # Another process gave the name to its own entry in this very moment; what is in it is the same.
            if not filled or error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        entry.folder = folder
        self._make_room()

    def require(self, size: int) -> None:
        """See that a large entry can be kept, before anything of it is written.

        Args:
            size: Its bytes.

        Raises:
            OSError: If it is larger than all entries may be together, or the disk has no room for it.
        """
        if size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"{_said(size)} are needed, of {_said(MOST_BYTES)} at most", str(self.folder))
        self._make_room(size)
        if (free := shutil.disk_usage(self.folder).free) < size + LEFT_FREE:
            raise OSError(errno.ENOSPC, f"{_said(size)} are needed, of {_said(free)} that are free", str(self.folder))

    def _folder_of(self, kind: str, key: str) -> Path:
        return self.folder / f"{kind}-{key}"

    def _sweep(self) -> None:
        """Remove what processes that were killed left."""
        for path in self._folders(_UNFINISHED):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _YOUNG and _is_free(path):
                    shutil.rmtree(path, ignore_errors=True)

    def _make_room(self, more: int = 0) -> None:
        """Remove the entries that were not used for longest, as far as nobody uses them, until the rest fit.

        Args:
            more: Bytes that are to come.
        """
        with suppress(OSError):  # others may tidy up, too
            found = sorted(self._folders(_ENTRY), key=lambda path: path.stat().st_mtime)
            sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in found}
            total = sum(sizes.values()) + more
            for path in found:
                if total > MOST_BYTES and _is_free(path):
                    remove_folder(path)
                    total -= sizes[path]

    def _folders(self, name: re.Pattern[str]) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if name.fullmatch(path.name) and not path.is_symlink()]


def _is_free(folder: Path) -> bool:
    """Whether no process holds a folder."""
    if fcntl is None:
        return False
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _said(size: int) -> str:
    return f"{size / 10**9:,.1f} GB" if size >= 10**8 else f"{size / 10**6:,.1f} MB"


def _usual_folder() -> Path:
    """Return the folder of `$POLYHEAD_CACHE`, else the user's usual place for what can be made again."""
    if own := os.environ.get("POLYHEAD_CACHE"):
        return Path(own)
    around = os.environ.get("XDG_CACHE_HOME")
    return (Path(around) if around else Path.home() / ".cache") / "polyhead"
