"""JSON lines of Prodigy."""

from __future__ import annotations

import json
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

_OWN = (
    "text",
    "spans",
    "tokens",
    "relations",
    "label",
    "labels",
    "accept",
    "options",
    "config",
    "answer",
    "_is_binary",
)
_HASHES = {"_input_hash", "_task_hash"}
_OURS = {"entities", "labels"}
"""Fields of lines that were read from Prodigy and written as JSON lines, with all that Prodigy wrote besides."""
_ANSWERS = ("accept", "reject", "ignore")
_DERIVED = {"start", "end", "label", "text", "token_start", "token_end", "type"}
_NOT_TEXT = ("image", "audio", "video")


class Prodigy(TextFormat):
    """One answer a line. Only what was accepted is known of a text.

    A text that was accepted and has ``tokens``, which only recipes for entities add, and no ``spans`` has no entities.
    """

    name: ClassVar[str] = "prodigy"
    title: ClassVar[str] = "Prodigy JSON lines"
    holds: ClassVar[Holds] = Holds(rest=True, mended=without(frozenset({*_OWN, *_NOT_TEXT, "labels"})))

    def fits(self, place: Place) -> bool:
        """Whether its first line has a hash of Prodigy's, or an answer."""
        keys = keys_of(place.head) if place.head.startswith("{") else {}
        answered = keys.get("answer", "").strip('"') in _ANSWERS and bool({"spans", "label", "accept"} & keys.keys())
        return (bool(_HASHES & keys.keys()) or answered) and not _OURS & keys.keys()

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield one record a line; holds one line at a time."""
        for raw in JsonLines().read(stream, path, options, lost):
            yield RawRecord(_fields(dict(raw.fields), At(raw.source, lost)), raw.source)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write accepted answers: ``spans``, ``label`` for the one class, ``accept`` for several."""
        with new_text(path) as stream:
            for record in records:
                stream.write(json.dumps(_line(record), ensure_ascii=False) + "\n")


def _fields(line: dict[str, Any], at: At) -> dict[str, Any]:
    if "text" not in line and (found := [name for name in _NOT_TEXT if name in line]):
        raise at.error(f"a task about an {found[0]} and no text; only annotations of texts can be read")
    own = {name: line.pop(name) for name in _OWN if name in line}
    fields: dict[str, Any] = {"text": at.string(own.get("text"), "the text")}
    answer = own.get("answer", "accept")
    if answer not in _ANSWERS:
        raise at.error(f"the answer must be one of {', '.join(_ANSWERS)}, found {answer!r:.40}")
    if "tokens" in own:
        at.drop(
            f"{len(at.items(own['tokens'], 'the tokens'))} tokens", "the tokens of a text (entities are characters)"
        )
    for each in at.items(own.get("relations") or [], "the relations"):
        at.drop(each, "a relation between entities")
    if answer == "accept":
        fields |= _accepted(own, at)
    else:
        at.drop(own.get("label", own["text"]), f"an answer {answer!r}, after which nothing is known of the text")
    return fields | line


def _accepted(own: dict[str, Any], at: At) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if own.get("label") is not None:
        found["label"] = own["label"]
    if (accepted := own.get("accept")) is not None:
        chosen = at.items(accepted, "what was accepted")
        single = at.fields(own.get("config") or {}, "config").get("choice_style") == "single"
        found |= {"label": chosen[0]} if single and len(chosen) == 1 and "label" not in found else {"labels": chosen}
    if own.get("spans") is None:
        return found | ({"entities": []} if "tokens" in own else {})
    spans = at.objects(own["spans"], "the spans")
    if own.get("_is_binary") is True and own.get("label") is None:
        for span in spans:
            at.drop(span, "an entity of a yes-or-no answer, after which the rest of the text is not known")
        return found
    return found | {"entities": [_entity(span, at) for span in spans]}


def _entity(span: dict[str, Any], at: At) -> Any:
    if more := [name for name in span if name not in _DERIVED]:
        at.drop(", ".join(more), "where an entity came from, and other remarks on it")
    return entity(span.get("start"), span.get("end"), span.get("label"))


def _line(record: Annotated) -> dict[str, Any]:
    line: dict[str, Any] = {"text": record.text, **record.rest}
    if record.spans is not None:
        line["spans"] = [entity(span.start, span.end, span.label) for span in record.spans.spans]
    if record.label is not None:
        line["label"] = record.label
    if record.labels is not None:
        line["options"] = [{"id": label, "text": str(label)} for label in record.labels]
        line["accept"] = list(record.labels)
    return line | {"answer": "accept"}
