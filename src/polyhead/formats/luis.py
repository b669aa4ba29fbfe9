"""Apps and labelled utterances of LUIS (and of Conversational Language Understanding's LUIS export)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At, entity
from polyhead.formats.holds import Holds
from polyhead.formats.json_array import Window
from polyhead.formats.json_head import keys_of
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat
from polyhead.formats.writing import new_text

_ABOUT = {"luis_schema_version", "versionId", "name", "desc", "culture", "tokenizerVersion", "intents", "entities"}
_NAMES = ("entity", "entityName")
_STARTS, _ENDS = ("startPos", "startCharIndex"), ("endPos", "endCharIndex")
_ENTITY = {*_NAMES, *_STARTS, *_ENDS, "value", "children"}


class Luis(TextFormat):
    """Utterances with one intent; the last character of an entity is its ``endPos``, not the one after it."""

    name: ClassVar[str] = "luis"
    title: ClassVar[str] = "LUIS JSON"
    holds: ClassVar[Holds] = Holds(labels=False, integers=False, unknown=False, unlabelled=False)

    def fits(self, place: Place) -> bool:
        """Whether it is an app, or an array of labelled utterances."""
        keys = keys_of(place.head) if place.head.startswith(("{", "[")) else {}
        if place.head.startswith("{"):
            return "luis_schema_version" in keys
        return "text" in keys and ("intentName" in keys or "entityLabels" in keys)

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the utterances; holds one at a time."""
        window = Window(stream, path)
        if window.peek() == "[":
            yield from _utterances(window, lost)
            window.end("array")
            return
        for part in window.members():
            if part == "utterances":
                yield from _utterances(window, lost)
                continue
            at = At(window.source(), lost)
            value = window.value()
            if part not in _ABOUT:
                for each in value if isinstance(value, list) else [value]:
                    at.drop(each, f"an entry of {part!r} of a LUIS app")
        window.end("object")

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write an app: its utterances one a line, then the intents and entities that are in them."""
        intents: dict[str, None] = {}
        entities: dict[str, None] = {}
        about = {"luis_schema_version": "7.0.0", "versionId": "0.1", "name": path.stem, "desc": "", "culture": "en-us"}
        with new_text(path) as stream:
            stream.write(json.dumps(about, ensure_ascii=False)[:-1] + ', "utterances": [')
            before = "\n"
            for record in records:
                intents[str(record.label)] = None
                entities |= dict.fromkeys(span.label for span in record.spans.spans) if record.spans else {}
                stream.write(before + json.dumps(_utterance(record), ensure_ascii=False))
                before = ",\n"
            named = [{"name": name} for name in intents], [{"name": name, "roles": []} for name in entities]
            stream.write(f'\n], "intents": {json.dumps(named[0], ensure_ascii=False)}')
            stream.write(f', "entities": {json.dumps(named[1], ensure_ascii=False)}}}\n')


def _utterances(window: Window, lost: Lost) -> Iterator[RawRecord]:
    for source in window.elements():
        at = At(source, lost)
        yield RawRecord(_fields(at.fields(window.value(), "an utterance"), at), source)


def _fields(utterance: dict[str, Any], at: At) -> dict[str, Any]:
    found: dict[str, Any] = {"text": at.string(utterance.pop("text", None), "the text of an utterance")}
    intents = [value for name in ("intent", "intentName") if (value := utterance.pop(name, None))]
    if intents:
        found["label"] = at.string(intents[0], "the intent of an utterance")
    for name in ("entities", "entityLabels"):
        if (entities := utterance.pop(name, None)) is not None:
            found.setdefault("entities", []).extend(_entities(entities, found["text"], at))
    for name, value in utterance.items():
        at.drop(f"{name}={value!r}", f"the {name} of an utterance")
    return found


def _entities(entries: Any, text: str, at: At) -> Iterator[Any]:
    """Yield entities, those within others too."""
    for entry in at.objects(entries, "entities"):
        start = at.integer(_first(entry, _STARTS), "the start of an entity")
        end = at.integer(_first(entry, _ENDS), "the end of an entity") + 1
        kind = at.string(_first(entry, _NAMES), "the name of an entity")
        for name, value in entry.items():
            if name not in _ENTITY or (name == "value" and value != text[start:end]):
                at.drop(f"[{text[start:end]}]{kind} {name}={value!r}", f"the {name} of an entity")
        yield entity(start, end, kind)
        yield from _entities(entry.get("children"), text, at)


def _first(entry: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((entry[name] for name in names if name in entry), None)


def _utterance(record: Annotated) -> dict[str, Any]:
    entities = [
        {"entity": span.label, "startPos": span.start, "endPos": span.end - 1}
        for span in (record.spans.spans if record.spans else ())
    ]
    return {"text": record.text, "intent": record.label, "entities": entities}
