"""Training data of Rasa in Markdown (Rasa 1 and 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, TextIO

from polyhead.formats.at import At
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.rasa_examples import read_example
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat, numbered_lines
from polyhead.records import Source

_SECTION = re.compile(r"##\s*([^:#\s]+)\s*:(.*)")
_FIRST = re.compile(r"^##\s*(?:intent|synonym|regex|lookup)\s*:", re.MULTILINE)
_ITEM = re.compile(r"[-*+]\s*(.*)", re.DOTALL)
_KINDS = ("intent", "synonym", "regex", "lookup")


class RasaMarkdown(TextFormat):
    """Sections ``## intent:name`` with one example an item."""

    name: ClassVar[str] = "rasa-md"
    title: ClassVar[str] = "Rasa Markdown"

    def fits(self, place: Place) -> bool:
        """Whether a section of Rasa's stands near its beginning."""
        return not place.head.startswith(("{", "[")) and bool(_FIRST.search(place.head))

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the examples of its intents."""
        kind, title = "", ""
        for source, line in _without_comments(stream, path):
            at = At(source, lost)
            if section := _SECTION.match(line):
                kind, title = section[1], section[2].strip()
                _check(kind, title, at)
            elif (item := _ITEM.match(line)) and kind == "intent":
                if item[1]:
                    read = read_example(item[1], at)
                    yield RawRecord({"text": read["text"], "label": title, "entities": read["entities"]}, source)
            elif item and not kind:
                raise at.error("an item before the first section; begin with a line such as '## intent:greet'")
            elif line and kind in ("", "intent") and not (line.startswith("#") and not kind):
                at.drop(line, "a line that is no example of an intent")


def _check(kind: str, title: str, at: At) -> None:
    if kind not in _KINDS or not title:
        raise at.error(f"a section must be '## {kind or 'intent'}:name', with one of {', '.join(_KINDS)}")
    if kind != "intent":
        at.drop(title, f"a {kind}")


def _without_comments(stream: TextIO, path: str) -> Iterator[tuple[Source, str]]:
    """Yield the lines without ``<!-- … -->``, which may go over several, and without blanks at their ends."""
    inside = False
    for source, line in numbered_lines(stream, path):
        kept = ""
        while line:
            before, mark, line = line.partition("-->" if inside else "<!--")
            kept += "" if inside else before
            inside ^= bool(mark)
        yield source, kept.strip()
