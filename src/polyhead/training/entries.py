"""A folder of entries that can be made again, each under the key of all that it depends on.

KEY/    an entry, with a manifest; it appears whole or not at all

Whoever uses or writes an entry holds a lock on its folder, which goes with the process: what nobody holds may go.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from polyhead.bundle.manifest import verify
from polyhead.bundle.saving import new_folder, remove_folder
from polyhead.errors import BundleError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

MOST_BYTES = 20 * 10**9
"""What all entries may take together; those that were not used for longest go first."""
LEFT_FREE = 10**9
"""Bytes of the disk that are left to others."""
_ENTRY = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = re.compile(r"\.[0-9a-f]{64}-[0-9a-f]{8}\.tmp")
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
            with suppress(OSError):  # a disk of another machine may know no locks
                fcntl.flock(self._handle, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            os.close(self._handle)  # type: ignore[arg-type]


class Entries:
    """Keeps entries, and sees that they do not become too many.

    Args:
        folder: Where; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str, names: Sequence[str]) -> Entry | None:
        """Return an entry, after checking its files; `None` where there is none.

        Args:
            key: Its key.
            names: The files that it must have.

        Raises:
            BundleError: If it is damaged.
            OSError: If it cannot be read.
        """
        folder = self.folder / key
        if not folder.is_dir():
            return None
        entry = Entry(folder)
        verify(folder, names, cure="it is made anew")
        with suppress(OSError):  # where only others may write
            os.utime(folder)
        return entry

    def remove(self, key: str) -> None:
        """Remove an entry that turned out to be damaged.

        Raises:
            OSError: If it cannot be removed.
        """
        remove_folder(self.folder / key)

    @contextmanager
    def new(self, key: str) -> Iterator[Entry]:
        """Fill a new entry, which takes its place when it is whole; when the block raises, there is none.

        Raises:
            OSError: If it cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what it holds was made of texts
        self._sweep()
        filled = False
        try:
            with new_folder(self.folder / key) as temporary:
                entry = Entry(temporary)
                yield entry
                filled = True
        except OSError as error:
            # Another process gave the name to its own entry in this very moment; what is in it is the same.
            if not filled or error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        entry.folder = self.folder / key

    def make_room(self, size: int) -> None:
        """Remove the entries that were not used for longest, and that nobody uses, until one more fits.

        Args:
            size: Its bytes.

        Raises:
            OSError: If it does not fit into what entries may take together, or onto the disk.
        """
        if size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"{_said(size)} are needed, of {_said(MOST_BYTES)} at most", str(self.folder))
        with suppress(OSError, BundleError):  # others may tidy up, too
            self._drop_oldest(MOST_BYTES - size)
        if shutil.disk_usage(self.folder).free < size + LEFT_FREE:
            free = _said(shutil.disk_usage(self.folder).free)
            raise OSError(errno.ENOSPC, f"{_said(size)} are needed, of {free} that are free", str(self.folder))

    def _drop_oldest(self, most: int) -> None:
        found = sorted(self._folders(_ENTRY), key=lambda path: path.stat().st_mtime)
        sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in found}
        total = sum(sizes.values())
        for path in found:
            if total > most and _is_free(path):
                remove_folder(path)
                total -= sizes[path]

    def _sweep(self) -> None:
        """Remove what processes that were killed left."""
        for path in self._folders(_UNFINISHED):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _YOUNG and _is_free(path):
                    shutil.rmtree(path, ignore_errors=True)

    def _folders(self, name: re.Pattern[str]) -> list[Path]:
        return [path for path in self.folder.iterdir() if name.fullmatch(path.name) and not path.is_symlink()]


def _is_free(folder: Path) -> bool:
    """Whether no process holds a folder; where nobody can know, the answer is no."""
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
