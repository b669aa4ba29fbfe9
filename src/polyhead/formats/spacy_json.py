"""The JSON that spaCy 2 trained from: documents of paragraphs of sentences of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TextIO

from polyhead.formats.at import At, entity
from polyhead.formats.json_array import Window
from polyhead.formats.json_head import keys_of
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat
from polyhead.formats.spacy_jsonl import classes_of
from polyhead.labels.tags import Extent

_UNKNOWN = ("-", "")
_TOKEN = {"id", "orth", "ner", "space"}


class SpacyJson(TextFormat):
    """A paragraph is a record. Tokens tagged ``-`` leave the entities of their paragraph unknown."""

    name: ClassVar[str] = "spacy-json"
    title: ClassVar[str] = "spaCy 2 JSON"

    def fits(self, place: Place) -> bool:
        """Whether its first object has paragraphs."""
        return place.head.startswith("[") and keys_of(place.head).get("paragraphs") == "["

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the paragraphs, each where its document begins; holds one document at a time."""
        window = Window(stream, path)
        for source in window.elements():
            at = At(source, lost)
            document = at.fields(window.value(), "a document")
            for paragraph in at.objects(document.get("paragraphs"), "paragraphs"):
                yield RawRecord(_fields(paragraph, at) | _classes(document, paragraph, at), source)
        window.end("array")


def _classes(document: dict[str, Any], paragraph: dict[str, Any], at: At) -> dict[str, Any]:
    found = paragraph.get("cats", document.get("cats"))
    if found is None:
        return {}
    entries = at.objects(found, "cats")
    cats = {at.string(each.get("label"), "the label of a class"): each.get("value") for each in entries}
    return {"labels": classes_of(cats, at)}


def _fields(paragraph: dict[str, Any], at: At) -> dict[str, Any]:
    tokens = [
        token
        for sentence in at.objects(paragraph.get("sentences"), "sentences")
        for token in at.objects(sentence.get("tokens"), "tokens")
    ]
    if more := {name for token in tokens for name in token if name not in _TOKEN}:
        at.drop(", ".join(sorted(more)), "what tokens say besides their entities")
    words = [at.string(token.get("orth"), "the word of a token") for token in tokens]
    text = paragraph.get("raw")
    text = " ".join(words) if text is None else at.string(text, "the raw text of a paragraph")
    found: dict[str, Any] = {"text": text}
    tags = [token.get("ner") for token in tokens]
    if tags and all(tag is not None and tag not in _UNKNOWN for tag in tags):
        found["entities"] = list(_entities(_places(words, text, at), tags, at))
    elif known := [tag for tag in tags if tag not in (None, "O", *_UNKNOWN)]:
        at.drop(", ".join(map(str, known)), "the entities of a paragraph in which some words have no tag")
    return found


def _places(words: list[str], text: str, at: At) -> list[Extent]:
    places, behind = [], 0
    for word in words:
        start = text.find(word, behind)
        if start < 0 or not word:
            raise at.error(f"the token {word[:40]!r} does not stand in the raw text after the token before it")
        behind = start + len(word)
        places.append((start, behind))
    return places


def _entities(places: list[Extent], tags: list[Any], at: At) -> Iterator[Any]:
    """Yield the entities of BILUO tags, each of which must be whole."""
    begun: tuple[int, str] | None = None
    for (start, end), tag in zip(places, tags, strict=True):
        letter, _, label = at.string(tag, "the tag of a token").partition("-")
        if (letter in "IL") != (begun is not None) or letter not in {"B", "I", "L", "U", "O"}:
            raise at.error(f"the tag {tag!r:.40} cannot stand here (tags are BILUO: B-X I-X L-X, U-X or O)")
        if begun is not None and begun[1] != label:
            raise at.error(f"the tag {tag!r:.40} continues an entity of the type {begun[1]!r}")
        if letter == "B":
            begun = start, label
        elif letter == "U":
            yield entity(start, end, label)
        elif letter == "L" and begun is not None:
            yield entity(begun[0], end, label)
            begun = None
    if begun is not None:
        raise at.error("the last entity of a paragraph has no tag L that ends it")
