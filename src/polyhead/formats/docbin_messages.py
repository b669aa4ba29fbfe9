"""What is inside spaCy's DocBin: columns of numbers, a list of strings, and spans.

The layout is that of spaCy 3, ``spacy/tokens/_serialize.py`` and ``span_group.pyx``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyhead.errors import DataError, MissingExtraError
from polyhead.formats.at import At
from polyhead.formats.losses import ignore
from polyhead.formats.place import Place
from polyhead.records import Source

GROUP = "sc"
"""What spaCy's span categorizer calls its spans."""

_LIMIT = 2 * 2**30
_OWN = ("ORTH", "NORM", "SPACY", "ENT_IOB", "ENT_TYPE")
_SPANS = {40: ">QQQllll", 32: ">QQllll"}
"""By length, how a span is packed: label, first and last token, first and last character come last."""


@dataclass(frozen=True)
class Message:
    """The content of a DocBin.

    Attributes:
        path: The file as the user named it.
        lengths: The number of tokens of each document.
        rows: By token, the columns.
        spaces: By token, whether a blank follows.
        columns: The number of each column, by what spaCy calls it.
        strings: Finds the strings that columns hold the numbers of.
        parts: What stands there for each document.
        starts: The first token of each document.
    """

    path: str
    lengths: list[int]
    rows: Any
    spaces: Any
    columns: dict[str, int]
    strings: Any
    parts: dict[str, Any]
    starts: list[int]

    def string(self, number: Any, at: At) -> str:
        """Return a string by its number.

        Raises:
            DataError: If the file does not have it.
        """
        try:
            return str(self.strings[int(number)])
        except (KeyError, OverflowError) as error:
            raise at.error("damaged: a string is missing in it") from error

    def column(self, name: str, document: int) -> Any:
        """Return a column of the tokens of a document; nothing where there is no such column."""
        if name not in self.columns:
            return []
        return self._rows(self.rows, document)[:, self.columns[name]].tolist()

    def _rows(self, rows: Any, document: int) -> Any:
        return rows[self.starts[document] : self.starts[document] + self.lengths[document]]

    def text(self, document: int, at: At) -> tuple[str, list[tuple[int, int]]]:
        """Return the text of a document, and where its tokens are in it."""
        words = [self.string(number, at) for number in self.column("ORTH", document)]
        spaces = self._rows(self.spaces, document).tolist()
        if self._table("flags", document).get("has_unknown_spaces"):
            at.lose("changed", " ".join(words), "a text whose blanks the file does not know (one between words)")
            spaces = [True] * (len(words) - 1) + [False]
        text, places = [], []
        behind = 0
        for word, space in zip(words, spaces, strict=False):
            places.append((behind, behind + len(word)))
            text.append(word + " " * bool(space))
            behind += len(text[-1])
        return "".join(text), places

    def _part(self, name: str, document: int, default: Any) -> Any:
        parts = self.parts.get(name)
        found = parts[document] if parts and document < len(parts) else None
        return default if found is None else found

    def _table(self, name: str, document: int) -> dict[str, Any]:
        found = self._part(name, document, {})
        if not isinstance(found, dict):
            at = At(Source(self.path, document + 1), ignore)
            raise at.error(f"damaged: {name} must be a table, found {found!r:.40}")
        return found

    def cats(self, document: int) -> dict[str, Any]:
        """Return what a document says of its classes."""
        return self._table("cats", document)

    def groups(self, document: int) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        """Yield the spans of a document by the name of their group: first and last character, and label."""
        from srsly import msgpack

        at = At(Source(self.path, document + 1), ignore)
        try:
            packed = self._part("span_groups", document, b"")
            groups = msgpack.loads(packed, raw=False, strict_map_key=False) if packed else []
            for each in groups:
                group = msgpack.loads(each, raw=False)
                names = groups[each] if isinstance(groups, dict) else [group["name"]]
                for name in names:
                    yield name, [self._span(span, at) for span in group["spans"]]
        except DataError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, struct.error) as error:
            raise at.error(f"damaged: its spans cannot be read: {error}") from error

    def _span(self, packed: bytes, at: At) -> tuple[int, int, str]:
        values = struct.unpack(_SPANS[len(packed)], packed)
        return values[-2], values[-1], self.string(values[-5], at)

    def more(self, document: int) -> list[str]:
        """Return what a document has besides: columns that are not empty, and user data."""
        rows = self._rows(self.rows, document)
        first = {"SENT_START": 1}  # the first token begins a sentence in any document
        found = [name for name, at in self.columns.items() if name not in _OWN and rows[first.get(name, 0) :, at].any()]
        return found + ["user_data"] * bool(self._part("user_data", document, b"") not in (b"", b"\x80"))


def unpacked(place: Place) -> Message:
    """Return what is in a DocBin.

    Args:
        place: The file.

    Raises:
        DataError: If it is damaged, or too large.
        MissingExtraError: If spaCy is not installed.
    """
    try:
        from spacy.attrs import IDS
        from spacy.strings import StringStore
        from srsly import msgpack
    except ImportError as error:
        raise MissingExtraError(f"{place.name}: a DocBin", "spacy") from error
    try:
        read = msgpack.loads(_inflated(place), raw=False)
        names = {number: name for name, number in IDS.items()}
        columns = {names.get(number, str(number)): at for at, number in enumerate(read["attrs"])}
        lengths = np.frombuffer(read["lengths"], dtype="int32").tolist()
        rows = np.frombuffer(read["tokens"], dtype="uint64").reshape(-1, len(columns))
        spaces = np.frombuffer(read["spaces"], dtype=bool)
        store = StringStore(read["strings"])
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise DataError(f"{place.name}:1: damaged, or no DocBin of spaCy 3: {error}") from error
    if min(lengths, default=0) < 0 or not sum(lengths) == len(rows) == len(spaces) or "ORTH" not in columns:
        raise DataError(f"{place.name}:1: damaged: the tokens in it are not as many as it says")
    starts = np.cumsum([0, *lengths]).tolist()
    return Message(place.name, lengths, rows, spaces, columns, store, read, starts)


def _inflated(place: Place) -> bytes:
    inflating = zlib.decompressobj()
    found = inflating.decompress(place.bytes().read(), _LIMIT)
    if inflating.unconsumed_tail:
        raise DataError(f"{place.name}:1: takes more than {_LIMIT:,} bytes when it is decompressed; split it")
    if not inflating.eof:
        raise DataError(f"{place.name}:1: damaged: it was cut short")
    return found
