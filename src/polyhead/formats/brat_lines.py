"""Lines of brat's standoff files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At, entity
from polyhead.formats.losses import Loss, Lost
from polyhead.records import Span, Spans

_KINDS = {
    "A": "an attribute of an entity",
    "M": "an attribute of an entity",
    "R": "a relation between entities",
    "*": "a group of entities that mean the same",
    "E": "an event",
    "N": "a link of an entity to a knowledge base",
    "#": "a note of an annotator",
}
_TEXT_BOUND = re.compile(r"(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)")
_BAD = re.compile(r"\s")
_SPLIT = "an entity of several parts (each became an entity of its own)"


def read_line(line: str, text: str, at: At, *, shift: int) -> Iterator[Any]:
    """Yield the entities of a line; what it holds otherwise is told.

    Args:
        line: The line.
        text: The document.
        at: The place of the line.
        shift: How many characters brat counts before the text; those of other tools may count none.

    Raises:
        DataError: If it is none of brat's, or the text does not have what it says.
    """
    if not line.strip():
        return
    name, _, rest = line.partition("\t")
    if not name.startswith("T"):
        if (kind := _KINDS.get(name[:1])) is None:
            raise at.error(f"begins with {name[:20]!r}; lines of brat begin with T, {', '.join(_KINDS)}")
        at.drop(line, kind)
        return
    where, _, said = rest.partition("\t")
    match = _TEXT_BOUND.fullmatch(where)
    if match is None:
        raise at.error(f"must be 'T1<tab>Type start end<tab>text', found {line[:60]!r}")
    label, places = match[1], [_extent(part) for part in match[2].split(";")]
    moved = [[(start - by, end - by) for start, end in places] for by in dict.fromkeys((shift, 0))]
    parts = next((each for each in moved if _said_there(each, text) == _BAD.sub(" ", said)), None)
    if parts is None:
        found = _said_there(moved[0], text)
        there = f"the text has {len(text):,} characters" if found is None else f"the text has [{found[:60]}] there"
        raise at.error(
            f"{name} at {match[2]} says [{said[:60]}], and {there}; the text was changed, or its line ends were (brat "
            f"counts \\r\\n as two characters)"
        )
    if len(parts) > 1:
        at.lose("split", f"[{said}]{label}", _SPLIT)
    yield from (entity(start, end, label) for start, end in parts)


def _extent(part: str) -> tuple[int, int]:
    start, end = part.split(" ")
    return int(start), int(end)


def _said_there(parts: list[tuple[int, int]], text: str) -> str | None:
    """Return what stands at the parts of an entity, as brat writes it; `None` where they are no part of the text."""
    if not all(0 <= start < end <= len(text) for start, end in parts):
        return None
    return _BAD.sub(" ", " ".join(text[start:end] for start, end in parts))


def written_lines(spans: Iterable[Span], text: str, *, shift: int) -> Iterator[str]:
    """Yield a line an entity.

    Args:
        spans: The entities.
        text: Their document.
        shift: How many characters brat counts before the text.
    """
    for number, span in enumerate(spans, start=1):
        surface = _BAD.sub(" ", text[span.start : span.end])
        yield f"T{number}\t{span.label} {span.start + shift} {span.end + shift}\t{surface}\n"


def renamed(record: Annotated, lost: Lost) -> Annotated:
    """Write types that have blanks with low lines, since a blank ends a type."""
    spans = record.spans
    if spans is None or not any(_BAD.search(span.label) for span in spans.spans):
        return record
    kept = []
    for span in spans.spans:
        label = _BAD.sub("_", span.label)
        if label != span.label:
            reason = "the type of an entity with a blank in it (written with '_')"
            lost(Loss("changed", record.source, f"{span.label} became {label}"[:80], reason))
        kept.append(Span(span.start, span.end, label))
    return dataclasses.replace(record, spans=Spans(tuple(sorted(set(kept))), spans.known_to))
