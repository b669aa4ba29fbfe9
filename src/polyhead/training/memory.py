"""Memory that a training gives back and takes again in each step stays with the process.

The C library gives large blocks back to the system at once, which then hands them out anew, page by page and filled
with zeros: an eighth of a step on a processor.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt's settings (malloc.h of the GNU C library)."""
_USUAL = 128 * 1024
_LARGEST_BLOCK = 32 * 1024 * 1024
"""The largest size that the C library takes as the one from which blocks are the system's."""
_KEPT = 2**31 - 1


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process, and give it back at the end; with other C libraries than GNU's do nothing."""
    if library := _library():
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        give_memory_back()


def give_memory_back() -> None:
    """Give freed memory back to the system, from now on at once: where it is short, speed is no matter."""
    if library := _library():
        library.mallopt(_MMAP_THRESHOLD, _USUAL)
        library.mallopt(_TRIM_THRESHOLD, _USUAL)
        library.malloc_trim(0)


def _library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
