"""Bytes of a file that is compressed with zstd."""

from __future__ import annotations

import io
from typing import BinaryIO

import zstandard

_CHUNK = 128 * 1024


class ZstdReader(io.RawIOBase):
    """Decompresses while it is read, frame after frame; the library's own reader says nothing where a file breaks off.

    Args:
        file: The compressed file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready, self._begun = b"", False

    def readable(self) -> bool:
        """It is read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill a buffer.

        Raises:
            EOFError: If the file ends inside a frame.
            zstandard.ZstdError: If it is damaged.
        """
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = zstandard.ZstdDecompressor().decompressobj(), False
            if not (packed := packed or self._file.read(_CHUNK)):
                if self._begun:
                    raise EOFError("the file ends in the midst of compressed data")
                return 0
            self._begun = True
            self._ready = self._frame.decompress(packed)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
