"""Examples of Rasa: a text with its entities marked inside it.

The rules are those of Rasa 3: ``[text](type)``, ``[text](type:value)``, ``[text]{"entity": "type", …}`` and
``[text][{"entity": …}, {"entity": …}]``. There is no way to escape a bracket.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At, entity
from polyhead.formats.json_values import DECODER
from polyhead.formats.losses import Loss, Lost
from polyhead.records import Source, Span, Spans

_AFTER = re.compile(
    r"\((?P<type>[^:)]{1,200})(?::(?P<value>[^)]{1,1000}))?\)|(?P<dict>\{[^}]{1,2000}\})|\[(?P<dicts>\s*\{.{,1000}?\}\s*)\]"
)
"""What follows the bracket of an entity. The bounds, which Rasa has not, keep the search from taking for ever."""
_MAYBE = re.compile(r"\([^:)]+|\{[^}]+|\[")
"""What some release of Rasa may take for that."""
_DICT = re.compile(r"\{[^}]*\}")
_PLAIN_TYPE = re.compile(r"[^:()\s][^:()]*(?<!\s)")
_ROUND = str.maketrans("[]", "()")

NO_SUCH_BLANKS = "white space at the ends of a text"
_NOWHERE = Source("", 0)
BRACKETS = "a text with square brackets that Rasa would read as an entity (they became round ones)"


def read_example(marked: str, at: At) -> dict[str, Any]:
    """Return the text of an example and its entities, as a raw record has them.

    Args:
        marked: The example.
        at: Its place.

    Raises:
        DataError: If what is said of an entity is not JSON, or names no type.
    """
    text, entities, behind = "", [], 0
    for opening, closing, match in _brackets(marked, _AFTER):
        surface = marked[opening + 1 : closing]
        text += marked[behind:opening]
        behind = match.end()
        for said in _said(match, surface, at):
            kind = at.string(said.get("entity"), 'the field "entity" of an entity')
            for name, value in said.items():
                if name != "entity" and not (name == "value" and value == surface):
                    at.drop(f"[{surface}]{kind} {name}={value!r}", f"the {name} of an entity")
            entities.append(entity(len(text), len(text) + len(surface), kind))
        text += surface
    return {"text": text + marked[behind:], "entities": entities}


def _brackets(text: str, after: re.Pattern[str]) -> Iterator[tuple[int, int, re.Match[str]]]:
    """Yield where the brackets around each entity are, and what follows them."""
    at = 0
    while (opening := text.find("[", at)) >= 0 and (closing := text.find("]", opening)) >= 0:
        match = after.match(text, closing + 1) if closing > opening + 1 else None
        if match:
            yield opening, closing, match
        at = match.end() if match else closing


def _said(match: re.Match[str], surface: str, at: At) -> Iterator[Mapping[str, Any]]:
    if match["type"]:
        yield {"entity": match["type"], "value": match["value"] or surface}
        return
    for said in _DICT.findall(match["dict"] or match["dicts"]):
        try:
            yield at.fields(DECODER.decode(said), "what is said of an entity")
        except (ValueError, RecursionError) as error:
            raise at.error(f"what is said of the entity [{surface}] is not usable JSON: {error}") from error


def marked(record: Annotated) -> str:
    """Return a text with its entities marked.

    Args:
        record: The text; its entities do not overlap.
    """
    text, behind = "", 0
    for span in record.spans.spans if record.spans else ():
        surface = record.text[span.start : span.end]
        text += f"{record.text[behind : span.start]}[{surface}]{_type(span.label)}"
        behind = span.end
    return text + record.text[behind:]


def _type(label: str) -> str:
    if _PLAIN_TYPE.fullmatch(label):
        return f"({label})"
    return json.dumps({"entity": label}).replace("}", "\\u007d", label.count("}"))


def mended(record: Annotated, lost: Lost) -> Annotated | None:
    """Return what an example can hold of a record: no blanks at its ends, no bracket that reads as an entity.

    Args:
        record: The record.
        lost: Hears of the difference.
    """
    fitting = _stripped(record, lost)
    if not fitting.text:
        lost(Loss("dropped", record.source, repr(record.text)[:60], "a record without a text"))
        return None
    if not _is_read_as(fitting):
        lost(Loss("changed", record.source, record.text[:60], BRACKETS))
        fitting = dataclasses.replace(fitting, text=fitting.text.translate(_ROUND))
    return fitting


def _is_read_as(record: Annotated) -> bool:
    spans = record.spans.spans if record.spans else ()
    text = marked(record)
    if len(list(_brackets(text, _MAYBE))) != len(spans):
        return False
    losses: list[Loss] = []
    read = read_example(text, At(record.source or _NOWHERE, losses.append))
    return read["text"] == record.text and not losses and [Span(**each) for each in read["entities"]] == list(spans)


def _stripped(record: Annotated, lost: Lost) -> Annotated:
    kept = record.text.strip()
    if kept == record.text:
        return record
    lost(Loss("changed", record.source, repr(record.text)[:60], NO_SUCH_BLANKS))
    before = len(record.text) - len(record.text.lstrip())
    spans = record.spans
    if spans is not None:
        moved = tuple(Span(span.start - before, span.end - before, span.label) for span in spans.spans)
        spans = Spans(moved, spans.known_to)
    return dataclasses.replace(record, text=kept, spans=spans)
