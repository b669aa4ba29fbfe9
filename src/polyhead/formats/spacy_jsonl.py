"""JSON lines as spaCy's projects have them: ``text`` with ``cats`` and ``entities``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TextIO

from polyhead.formats.at import At, entity
from polyhead.formats.json_head import keys_of
from polyhead.formats.json_lines import JsonLines
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat


class SpacyJsonLines(TextFormat):
    """The classes of a text are those of its ``cats`` that are 1: several, since the file does not say otherwise."""

    name: ClassVar[str] = "spacy-jsonl"
    title: ClassVar[str] = "spaCy JSON lines"

    def fits(self, place: Place) -> bool:
        """Whether its first line has a text with ``cats`` that are an object."""
        return place.head.startswith("{") and keys_of(place.head).get("cats") == "{"

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield one record a line; holds one line at a time."""
        for raw in JsonLines().read(stream, path, options, lost):
            yield RawRecord(_fields(dict(raw.fields), At(raw.source, lost)), raw.source)


def _fields(line: dict[str, Any], at: At) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (cats := line.pop("cats", None)) is not None:
        found["labels"] = classes_of(at.fields(cats, "cats"), at)
    for name in ("entities", "spans"):
        if (entities := line.pop(name, None)) is not None:
            found.setdefault("entities", []).extend(_entity(each, at) for each in at.items(entities, name))
    return found | line


def classes_of(cats: dict[str, Any], at: At) -> list[str]:
    """Return the classes that a text has.

    Args:
        cats: By class, 1 where the text has it and 0 where not.
        at: Hears of those that are neither.
    """
    for name, value in cats.items():
        if value not in (0, 1):
            at.drop(f"{name}: {value!r}", "a class that a text has in part (neither 0 nor 1)")
    return [name for name, value in cats.items() if value == 1]


def _entity(value: Any, at: At) -> Any:
    if isinstance(value, list) and len(value) == 3:
        return entity(*value)
    if isinstance(value, dict):
        return value
    raise at.error(f"an entity must be [start, end, label] or an object with these, found {value!r:.60}")
