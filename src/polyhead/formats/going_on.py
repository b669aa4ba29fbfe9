"""Going on after a record that cannot be read, for those who want to hear of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol, TextIO, runtime_checkable

from polyhead.errors import DataError
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import Format, RawRecord, ReadOptions

OnBad = Callable[[DataError], None]
"""Hears of a record that cannot be read; the message begins with ``file:line``."""

_WRONG_BYTE = re.compile("[\udc80-\udcff]")


@runtime_checkable
class GoesOn(Protocol):
    """A format whose next record can be found after a broken one."""

    def read_on(self, stream: TextIO, path: str, on_bad: OnBad) -> Iterator[RawRecord]:
        """Yield the records that can be read. Bytes that are no UTF-8 come as `surrogateescape` gives them."""


def read_on(chosen: Format, place: Place, options: ReadOptions, lost: Lost, on_bad: OnBad) -> Iterator[RawRecord]:
    """Yield the records of a file that can be read; what breaks the file off is told, too.

    Args:
        chosen: The file's format.
        place: The file.
        options: What the user said about it.
        lost: Hears of whatever the format holds that no record takes over.
        on_bad: Hears of each record that cannot be read.
    """
    try:
        if isinstance(chosen, GoesOn):
            with place.text(errors="surrogateescape") as stream:
                yield from chosen.read_on(stream, place.name, on_bad)
        else:
            yield from chosen.records(place, options, lost)
    except DataError as error:
        on_bad(error)


def bytes_problem(line: str) -> str | None:
    """Say what is wrong with a line that was decoded by `surrogateescape`, if its bytes are no UTF-8."""
    wrong = None if line.isascii() else _WRONG_BYTE.search(line)
    return wrong and f"not UTF-8: byte 0x{ord(wrong.group()) - 0xDC00:02x}; save the file as UTF-8"


def raise_it(error: DataError) -> NoReturn:
    """Raise, as is done where the first bad record is the end."""
    raise error
