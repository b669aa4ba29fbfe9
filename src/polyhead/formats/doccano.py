"""JSON lines of doccano: what it exports, old (1.0) and new, and what it imports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At, entity
from polyhead.formats.holds import Holds
from polyhead.formats.json_head import keys_of
from polyhead.formats.json_lines import JsonLines
from polyhead.formats.losses import Lost
from polyhead.formats.own_fields import without
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat
from polyhead.formats.writing import new_text

_TRIPLES = re.compile(r'(?<!\\)"(?:labels?|entities)"\s*:\s*\[\s*\[\s*\d+\s*,\s*\d+\s*,\s*"')
_OFFSETS = re.compile(r'(?<!\\)"start_offset"\s*:\s*\d')
_OWN = frozenset({"text", "label", "labels", "cats", "entities", "annotations", "relations"})
_EMPTY = "an empty list of labels, which does not say of what"


class Doccano(TextFormat):
    """``label`` or ``labels`` hold classes or ``[start, end, label]``; ``cats`` hold classes beside entities.

    What an empty list of labels is of, the lines before or after it tell.
    """

    name: ClassVar[str] = "doccano"
    title: ClassVar[str] = "doccano JSON lines"
    holds: ClassVar[Holds] = Holds(integers=False, rest=True, mended=without(_OWN))

    def fits(self, place: Place) -> bool:
        """Whether a line has entities as doccano writes them, or its first what only doccano has."""
        if not place.head.startswith("{"):
            return False
        keys = keys_of(place.head)
        return (
            "annotation_approver" in keys
            or ("Comments" in keys and "label" in keys)
            or bool(_TRIPLES.search(place.head) or _OFFSETS.search(place.head))
        ) and "text" in keys

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield one record a line; those with an empty list of labels wait for the first that has one."""
        waiting: list[RawRecord] = []
        kind: str | None = None
        for raw in JsonLines().read(stream, path, options, lost):
            fields, own_kind = _fields(dict(raw.fields), At(raw.source, lost))
            kind = kind or own_kind
            waiting.append(RawRecord(fields, raw.source))
            if kind:
                yield from (_told(record, kind, lost) for record in waiting)
                waiting = []
        yield from (_told(record, None, lost) for record in waiting)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write ``label``; where a record has both classes and entities, ``cats`` and ``entities``."""
        with new_text(path) as stream:
            for record in records:
                stream.write(json.dumps(_line(record), ensure_ascii=False) + "\n")


def _told(raw: RawRecord, kind: str | None, lost: Lost) -> RawRecord:
    """Name the empty list of a record, which waited under the name "": after the kind of the others."""
    fields = dict(raw.fields)
    if fields.pop("", None) is not None:
        if kind is None:
            At(raw.source, lost).drop("[]", _EMPTY)
        else:
            fields.setdefault(kind, [])
    return RawRecord(fields, raw.source)


def _fields(line: dict[str, Any], at: At) -> tuple[dict[str, Any], str | None]:
    """Return a record's fields, and which of ours its labels are, where they tell."""
    found: dict[str, Any] = {"text": at.string(line.pop("text", None), "the text")}
    kind = None
    for name in ("label", "labels"):
        if (value := line.pop(name, None)) is not None:
            kind = _labels(value, found, at) or kind
    if (value := line.pop("cats", None)) is not None:
        found["labels" if isinstance(value, list) else "label"] = value
    if (value := line.pop("entities", None)) is not None:
        found["entities"] = [_entity(each, at) for each in at.items(value, "entities")]
        kind = kind or "entities"
    if (value := line.pop("annotations", None)) is not None:
        kind = _annotations(at.objects(value, "annotations"), found, at) or kind
    for each in at.items(line.pop("relations", None) or [], "relations"):
        at.drop(each, "a relation between entities")
    return found | line, kind


def _labels(value: Any, found: dict[str, Any], at: At) -> str | None:
    if isinstance(value, str | int):
        found["label"] = value
        return "label"
    items = at.items(value, "the labels")
    if not items:
        found[""] = []
        return None
    if any(isinstance(each, list | dict) for each in items):
        found["entities"] = [_entity(each, at) for each in items]
        return "entities"
    found["labels"] = items
    return "labels"


def _entity(value: Any, at: At) -> Any:
    if isinstance(value, list) and len(value) == 3:
        return entity(*value)
    if isinstance(value, dict) and "start_offset" in value:
        return entity(*(value.get(name) for name in ("start_offset", "end_offset", "label")))
    if isinstance(value, dict):  # what was read from doccano and written as JSON lines
        return value
    raise at.error(f"an entity must be [start, end, label] or an object with start_offset, found {value!r:.60}")


def _annotations(entries: list[dict[str, Any]], found: dict[str, Any], at: At) -> str | None:
    """Take what one user annotated: the first of them, if they differ. Labels may be numbers in these exports."""
    if not entries:
        found[""] = []
        return None
    first = entries[0].get("user")
    taken = [_without_user(each) for each in entries if each.get("user") == first]
    for each in entries:
        if _without_user(each) not in taken:
            at.drop(each, "what another user than the first annotated otherwise")
    if "label" not in entries[0]:
        for each in taken:
            at.drop(each, "an annotation that is a text")
        return None
    if "start_offset" in entries[0]:
        found["entities"] = [_numbered(each, at) for each in taken]
        return "entities"
    found["labels"] = [each.get("label") for each in taken]
    return "labels"


def _without_user(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("user", "id", "created_at", "updated_at")}


def _numbered(value: dict[str, Any], at: At) -> Any:
    label = value.get("label")
    if isinstance(label, int):
        at.lose("changed", label, "the number that an entity has for its label (read as a string)")
        label = str(label)
    return entity(value.get("start_offset"), value.get("end_offset"), label)


def _line(record: Annotated) -> dict[str, Any]:
    """Return ``label`` alone where that says it, which is what a project of doccano expects first."""
    line: dict[str, Any] = {"text": record.text}
    spans = None if record.spans is None else [[own.start, own.end, own.label] for own in record.spans.spans]
    classes = None if record.labels is None else list(record.labels)
    known = [own for own in (record.label, classes, spans) if own is not None]
    if len(known) == 1 and known[0] != []:
        return line | {"label": known[0]} | dict(record.rest)
    if record.label is not None:
        line["label" if classes is not None else "cats"] = record.label
    if classes is not None:
        line["cats"] = classes
    if spans is not None:
        line["entities"] = spans
    return line | dict(record.rest)
