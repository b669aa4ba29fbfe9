"""Intents of Dialogflow (ES): what users say, in an intent's own file or in one beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, ClassVar, TextIO

from polyhead.formats.at import At, entity
from polyhead.formats.json_array import Window
from polyhead.formats.json_head import keys_of
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat
from polyhead.records import Source

_SAYS = "userSays"
_BESIDE = re.compile(r"(.+)_usersays_[A-Za-z]{2}(?:-[A-Za-z]{2,4})?\.json")
_OWN = {"data", "isTemplate"}
_IGNORED = "@sys.ignore"
_BOOKKEEPING = "what Dialogflow keeps of a phrase besides (ids, counts, dates)"


class Dialogflow(TextFormat):
    """The intent is the ``name`` of the file, or what its name has before ``_usersays``; an alias is an entity's type.

    The name may follow the phrases, so that all are held until the file is read.
    """

    name: ClassVar[str] = "dialogflow"
    title: ClassVar[str] = "Dialogflow intent"

    def fits(self, place: Place) -> bool:
        """Whether it has ``userSays``, or phrases in an array whose name says so."""
        keys = keys_of(place.head) if place.head.startswith(("{", "[")) else {}
        if place.head.startswith("{"):
            return keys.get(_SAYS) == "["
        return keys.get("data") == "[" and (
            "isTemplate" in keys or _BESIDE.fullmatch(_file_name(place.name)) is not None
        )

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the phrases with the intent they are of."""
        window = Window(stream, path)
        phrases: list[tuple[Source, Any]] = []
        intent = (match := _BESIDE.fullmatch(_file_name(path))) and match[1]
        if window.peek() == "[":
            phrases = _phrases(window)
            window.end("array")
        else:
            for part in window.members():
                at = At(window.source(), lost)
                if part == _SAYS:
                    phrases = _phrases(window)
                elif part == "name":
                    intent = at.string(window.value(), "the name of an intent")
                elif (value := window.value()) not in (None, [], {}, False) and part not in ("id", "auto"):
                    at.drop(f"{part}={value!r}", f"the {part} of an intent")
            window.end("object")
        for source, phrase in phrases:
            yield from _records(phrase, intent, At(source, lost))


def _file_name(path: str) -> str:
    return PurePath(path).name.removesuffix(".gz").removesuffix(".zst")


def _phrases(window: Window) -> list[tuple[Source, Any]]:
    return [(source, window.value()) for source in window.elements()]


def _records(value: Any, intent: str | None, at: At) -> Iterator[RawRecord]:
    phrase = at.fields(value, "a phrase")
    if more := [name for name in phrase if name not in _OWN]:
        at.drop(", ".join(more), _BOOKKEEPING)
    text = ""
    entities = []
    for part in at.objects(phrase.get("data"), "the data of a phrase"):
        piece = at.string(part.get("text"), "the text of a phrase")
        if (kind := _kind(part, at)) and piece:
            entities.append(entity(len(text), len(text) + len(piece), kind))
        text += piece
    if phrase.get("isTemplate") is True:
        at.drop(text, "a template, which is no text that anyone said")
        return
    yield RawRecord({"text": text, **({"label": intent} if intent else {}), "entities": entities}, at.source)


def _kind(part: dict[str, Any], at: At) -> str | None:
    """Return the alias of a part, which names a slot; without one, its entity."""
    alias, meta = part.get("alias"), part.get("meta")
    if meta == _IGNORED:
        at.drop(part.get("text"), "a part of a phrase that is to be ignored (@sys.ignore)")
        return None
    kind = alias or (meta and at.string(meta, "the meta of a part").removeprefix("@"))
    if not kind:
        return None
    if meta and alias and meta != f"@{alias}":
        at.drop(f"{alias} is {meta}", "the entity that a parameter takes its values from")
    return at.string(kind, "the alias of a part")
