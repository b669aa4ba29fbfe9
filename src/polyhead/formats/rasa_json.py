"""Training data of Rasa in JSON (Rasa 1 and 2)."""

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

_TOP = "rasa_nlu_data"
_EXAMPLES = ("common_examples", "intent_examples", "entity_examples")
_OWN = ("start", "end", "entity")


class RasaJson(TextFormat):
    """The examples under ``rasa_nlu_data``."""

    name: ClassVar[str] = "rasa-json"
    title: ClassVar[str] = "Rasa JSON"
    holds: ClassVar[Holds] = Holds(labels=False, integers=False)

    def fits(self, place: Place) -> bool:
        """Whether it is an object with ``rasa_nlu_data``."""
        return place.head.startswith("{") and _TOP in keys_of(place.head)

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the examples; holds one at a time."""
        window = Window(stream, path)
        for top in window.members():
            if top == _TOP:
                for part in window.members():
                    yield from _part(window, part, lost)
            else:
                At(window.source(), lost).drop(top, f"the part {top!r} of a Rasa file")
                window.value()
        window.end("object")

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write one example a line."""
        with new_text(path) as stream:
            before = '{"rasa_nlu_data": {"common_examples": [\n'
            for record in records:
                stream.write(before + json.dumps(_example(record), ensure_ascii=False))
                before = ",\n"
            stream.write("\n]}}\n")


def _part(window: Window, part: str, lost: Lost) -> Iterator[RawRecord]:
    if part in _EXAMPLES:
        for source in window.elements():
            at = At(source, lost)
            yield RawRecord(_record(at.fields(window.value(), "an example"), at), source)
        return
    at = At(window.source(), lost)
    value = window.value()
    for each in value if isinstance(value, list) else [value]:
        at.drop(each, f"an entry of {part!r}")


def _record(example: dict[str, Any], at: At) -> dict[str, Any]:
    found: dict[str, Any] = {"text": at.string(example.pop("text", None), "the text of an example")}
    if (intent := example.pop("intent", None)) not in (None, ""):
        found["label"] = intent
    entities = example.pop("entities", None)
    if entities is not None:
        found["entities"] = [_entity(each, found["text"], at) for each in at.objects(entities, "entities")]
    for name, value in example.items():
        at.drop(f"{name}={value!r}", f"the {name} of an example")
    return found


def _entity(said: dict[str, Any], text: str, at: At) -> Any:
    start, end = (at.integer(said.get(name), f"the {name} of an entity") for name in ("start", "end"))
    for name, value in said.items():
        if name not in _OWN and not (name == "value" and value == text[start:end]):
            at.drop(f"[{text[start:end]}]{said.get('entity')} {name}={value!r}", f"the {name} of an entity")
    return entity(start, end, at.string(said.get("entity"), 'the field "entity" of an entity'))


def _example(record: Annotated) -> dict[str, Any]:
    found: dict[str, Any] = {"text": record.text}
    if record.label is not None:
        found["intent"] = record.label
    if record.spans is not None:
        found["entities"] = [
            {
                "start": span.start,
                "end": span.end,
                "value": record.text[span.start : span.end],
                "entity": span.label,
            }
            for span in record.spans.spans
        ]
    return found
