"""Training data of Rasa in YAML (versions 2.0 to 3.x)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, TextIO

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.rasa_examples import marked, mended, read_example
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat
from polyhead.formats.writing import new_text
from polyhead.formats.yaml_nodes import Node, Yaml
from polyhead.records import Source

_BEGINS = re.compile(r"(?:\s*(?:#.*|---\s*|%YAML.*)\n)*\s*[\"']?(?:version|nlu)[\"']?\s*:")
_NLU = re.compile(r"^[\"']?nlu[\"']?\s*:", re.MULTILINE)
_SECTIONS = ("synonym", "regex", "lookup")
_UNWRITTEN = re.compile("[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\ufeff]")
"""Characters that a block of YAML cannot have as they are."""
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""Words that some reader of YAML does not take for text."""


class Rasa(TextFormat):
    """The examples under ``nlu``. An example without a marked entity has none: Rasa has no other way to say so."""

    name: ClassVar[str] = "rasa"
    title: ClassVar[str] = "Rasa YAML"
    holds: ClassVar[Holds] = Holds(
        labels=False,
        integers=False,
        overlaps=False,
        unknown=False,
        unlabelled=False,
        lines=False,
        order=False,
        mended=mended,
    )

    def fits(self, place: Place) -> bool:
        """Whether the file begins with ``version`` or ``nlu``, and has the latter."""
        return bool(_BEGINS.match(place.head)) and (place.is_called(".yml", ".yaml") or bool(_NLU.search(place.head)))

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the examples; holds those of one intent at a time."""
        document = Yaml(stream, path)
        for name in document.fields():
            if name == "nlu":
                for item in document.items():
                    yield from _Item(document, item, lost).records()
                continue
            value = document.value()
            if name != "version":
                At(document.source(value), lost).drop(name, f"the part {name!r} of a Rasa file")

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write one block of examples an intent, so that all are held until the last."""
        by_intent: dict[str, list[str]] = {}
        last, moved = None, None
        for record in records:
            intent = str(record.label)
            if intent != last and intent in by_intent and moved is None:
                moved = record
            by_intent.setdefault(intent, []).append(marked(record))
            last = intent
        with new_text(path) as stream:
            stream.write('version: "3.1"\nnlu:\n')
            for intent, examples in by_intent.items():
                stream.writelines(_block(intent, examples))
        if moved is not None:
            lost(Loss("changed", moved.source, moved.text[:60], "the order of the records (they stand by their class)"))


def _block(intent: str, examples: list[str]) -> Iterator[str]:
    """Yield the lines of an intent; all examples are quoted where one has a character that no block can have."""
    yield f"- intent: {_quoted(intent)}\n"
    if any(_UNWRITTEN.search(example) for example in examples):
        yield "  examples:\n"
        yield from (f"  - text: {_quoted(example)}\n" for example in examples)
    else:
        yield "  examples: |\n"
        yield from (f"    - {example}\n" for example in examples)


def _quoted(text: str) -> str:
    """Quote a text where it could be read as anything but itself."""
    if re.fullmatch(r"[A-Za-z_][\w+/ -]*(?<! )", text, re.ASCII) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNWRITTEN.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


class _Item:
    """One item of ``nlu``: an intent with its examples, or something that no record takes over."""

    def __init__(self, document: Yaml, node: Node, lost: Lost) -> None:
        self._document, self._lost = document, lost
        self._fields = document.mapping(node)
        self._at = At(document.source(node), lost)

    def records(self) -> Iterator[RawRecord]:
        if "intent" not in self._fields:
            kind = next((name for name in _SECTIONS if name in self._fields), None)
            what = self._document.word(self._fields[kind]) if kind else ", ".join(self._fields)
            self._at.drop(what, f"a {kind}" if kind else "an item of 'nlu' without an intent")
            return
        intent = self._document.word(self._fields["intent"]).strip()
        if not intent:
            raise self._at.error("an intent without a name")
        for name in self._fields.keys() - {"intent", "examples"}:
            self._at.drop(f"{intent}: {name}", f"the {name} of an intent")
        for source, example in self._examples():
            if len(example) > RECORD_LIMIT:
                raise At(source, self._lost).error(f"an example of more than {RECORD_LIMIT:,} characters")
            read = read_example(example, At(source, self._lost))
            yield RawRecord({"text": read["text"], "label": intent, "entities": read["entities"]}, source)

    def _examples(self) -> Iterator[tuple[Source, str]]:
        if (node := self._fields.get("examples")) is None:
            self._at.drop(self._document.word(self._fields["intent"]), "an intent without examples")
            return
        if (items := self._document.sequence(node)) is not None:
            yield from map(self._listed, items)
            return
        for source, line in self._document.lines(node):
            if line.startswith("-"):
                if example := line[1:].strip(" \r"):
                    yield source, example
            elif line.strip():
                At(source, self._lost).drop(line, "a line of examples that does not begin with '-'")

    def _listed(self, node: Node) -> tuple[Source, str]:
        fields = self._document.mapping(node)
        at = At(self._document.source(node), self._lost)
        if "text" not in fields:
            raise at.error("an example must have the field 'text'")
        for name in fields.keys() - {"text"}:
            at.drop(name, f"the {name} of an example")
        lines = self._document.lines(fields["text"])
        filled = [source for source, line in lines if line.strip()]
        return filled[0] if filled else at.source, "\n".join(line for _, line in lines).strip(" \n\r")
