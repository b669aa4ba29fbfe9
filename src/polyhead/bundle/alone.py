"""A folder in which one process works at a time, and which one it is.

The process holds a lock (`flock`) on a file in the folder, which has its number. The system frees the lock when the
process ends, however it ends, so that a killed one is never in the way. The file goes at the end; one that a killed
process left means nothing. Where the system or the disk has no such locks, everybody is let in. Who only reads what is
in the folder needs no leave.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polyhead.errors import SettingsError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".polyhead.lock"
_TRIES = 1000
_HOLDER = re.compile(rb"([0-9]{1,19}) ([^\s]{1,255})\n")


@contextmanager
def alone_in(folder: Path, *, setting: str = "output") -> Iterator[None]:
    """Have a folder for oneself while the block runs.

    Args:
        folder: The folder; it is made where it is not there, and removed again if nothing was put into it.
        setting: What named it, for messages.

    Raises:
        SettingsError: If another process, or another thread, works in the folder; or it cannot be written to.
    """
    if fcntl is None:
        yield
        return
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        handle = _lock(folder, setting)
        try:
            yield
        finally:
            if handle is not None:
                _give_back(folder / LOCK_FILE, handle)
    finally:
        with suppress(OSError):  # something is in it, as a rule
            for path in made:
                path.rmdir()


def _lock(folder: Path, setting: str) -> int | None:
    """Return the open lock; `None` where the disk has none."""
    path = folder / LOCK_FILE
    for _ in range(_TRIES):
        handle = _open(folder, setting)
        if handle is None:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = _who(handle)
            os.close(handle)
            raise SettingsError(
                f"{setting}: {who} works in {folder}, and both would write the same files; wait until it has ended, or "
                f"name another folder"
            ) from error
        except OSError:  # no such locks on this disk, where nobody writes into the file
            if not os.fstat(handle).st_size:
                path.unlink(missing_ok=True)
            os.close(handle)
            return None
        if _is_at(path, handle):
            _sign(handle)
            return handle
        os.close(handle)  # who had it has just removed it, so that others do not see it any more
    raise SettingsError(f"{setting}: {folder} cannot be written: what is made in it does not stay")


def _open(folder: Path, setting: str) -> int | None:
    """Return the open file; `None` where a process that ended in this very moment removed the folder it had made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:
        return None
    except OSError as error:
        place = error.filename if folder.is_dir() else folder
        raise SettingsError(f"{setting}: {place} cannot be written: {error.strerror}") from error


def _sign(handle: int) -> None:
    with suppress(OSError):  # a full disk: then others are not told who is here
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)


def _give_back(path: Path, handle: int) -> None:
    with suppress(OSError):
        if _is_at(path, handle):
            path.unlink()  # while the lock is held: whoever opens the file from now on makes a new one
    os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is the one that has a name."""
    try:
        found, own = path.stat(follow_symlinks=False), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _who(handle: int) -> str:
    """Return, for people, who holds a lock, as far as its file tells."""
    found = _HOLDER.fullmatch(os.pread(handle, 512, 0))
    if found is None:
        return "another process"
    number, host = int(found[1]), found[2].decode("utf-8", "replace")
    if host != socket.gethostname():
        return f"another process ({number} on {host})"
    return "this very process" if number == os.getpid() else f"another process ({number})"
