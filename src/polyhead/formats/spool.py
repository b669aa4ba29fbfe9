"""Records kept on disk while it is learnt which columns they need: a table's stand before its first row."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from polyhead.formats.annotated import Annotated

Kind = Literal["text", "whole", "number", "truth", "texts", "wholes", "entities", "json"]
"""What all values of a column are; ``json`` where they are of several sorts."""

_FIRST = ("text", "label", "labels", "entities")
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass
class Spool:
    """Records as rows on disk.

    Attributes:
        kinds: What each column holds, in the order in which columns are to stand.
    """

    kinds: dict[str, Kind]
    _stream: TextIO = field(repr=False)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows, in order; what is unknown is not in them."""
        self._stream.seek(0)
        for line in self._stream:
            yield json.loads(line)


@contextmanager
def spooled(records: Iterable[Annotated], folder: Path) -> Iterator[Spool]:
    """Write records to a file in a folder, which goes when it was read.

    Args:
        records: The records.
        folder: Where there is room.
    """
    with tempfile.TemporaryFile("w+", prefix="polyhead-", dir=folder, encoding="utf-8") as stream:
        seen: dict[str, set[Kind]] = {"text": {"text"}}
        for record in records:
            row = {name: value for name, value in record.fields().items() if value is not None}
            stream.write(json.dumps(row) + "\n")
            for name, value in row.items():
                seen.setdefault(name, set()).update(("entities",) if name == "entities" else _kinds_of(value))
        first = [name for name in _FIRST if name in seen]
        yield Spool({name: _one(seen[name]) for name in dict.fromkeys((*first, *seen))}, stream)


def _kinds_of(value: Any) -> tuple[Kind, ...]:
    """Return what a value is; an empty list is no more than a list."""
    if isinstance(value, list):
        inner = {kind for own in value for kind in _kinds_of(own)}
        if inner <= {"text"}:
            return ("texts",)
        return ("wholes",) if inner == {"whole"} else ("json",)
    if isinstance(value, bool):
        return ("truth",)
    if isinstance(value, int):
        return ("whole",) if _LEAST <= value <= _MOST else ("json",)
    if isinstance(value, float):
        return ("number",)
    return ("text",) if isinstance(value, str) else ("json",)


def _one(kinds: set[Kind]) -> Kind:
    return next(iter(kinds)) if len(kinds) == 1 else "json"
