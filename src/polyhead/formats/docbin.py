"""The binary files that spaCy 3 trains from (``.spacy``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from polyhead.errors import MissingExtraError
from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At, entity
from polyhead.formats.docbin_messages import GROUP, Message, unpacked
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions
from polyhead.formats.spacy_jsonl import classes_of
from polyhead.records import Source, Span

_ZLIB = (b"\x78\x9c", b"\x78\xda")
_PARTLY = "the entities of a document in which some tokens are not annotated"


def _told(record: Annotated, lost: Lost) -> Annotated:
    """Take out an empty list of classes: a file in which no text has a class names none."""
    if record.labels == ():
        lost(Loss("dropped", record.source, record.text[:60], "an empty list of classes"))
        return Annotated(record.text, record.label, None, record.spans, record.rest, record.source)
    return record


class DocBin:
    """Its documents are numbered as lines are. Entities are those of ``ents`` and of the spans called ``sc``.

    It is read without making spaCy's objects of it, and without the user data of its documents.
    """

    name: ClassVar[str] = "docbin"
    title: ClassVar[str] = "spaCy DocBin"
    holds: ClassVar[Holds] = Holds(label=False, integers=False, mended=_told)

    def fits(self, place: Place) -> bool:
        """Whether it is compressed as these files are."""
        return place.first.startswith(_ZLIB)

    def records(self, place: Place, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the documents; holds the file."""
        message = unpacked(place)
        for number in range(len(message.lengths)):
            at = At(Source(place.name, number + 1), lost)
            yield RawRecord(_fields(message, number, at), at.source)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write the records for a language that is not said (``xx``); each text says of each class whether it has it.

        Tokens are spaCy's, cut further where an entity begins or ends within one. Entities that overlap go into the
        spans ``sc``, which a span categorizer learns from.
        """
        try:
            import spacy
            from spacy.tokens import DocBin as Bin
        except ImportError as error:
            raise MissingExtraError(f"{path}: a DocBin", "spacy") from error
        language = spacy.blank("xx")
        docs, of_docs = [], []
        for record in records:
            docs.append(_doc(language, record))
            of_docs.append(record.labels)
        classes = dict.fromkeys(str(label) for labels in of_docs for label in labels or ())
        for doc, labels in zip(docs, of_docs, strict=True):
            if labels is not None:
                doc.cats = {str(name): 1.0 for name in labels} | {name: 0.0 for name in classes if name not in labels}
        written = Bin(attrs=["ENT_IOB", "ENT_TYPE"], docs=docs, store_user_data=False)
        with path.open("xb") as file:
            file.write(written.to_bytes())


def _doc(language: Any, record: Annotated) -> Any:
    from spacy.tokens import Doc

    spans = record.spans.spans if record.spans else ()
    words: list[str] = []
    spaces: list[bool] = []
    for piece in _pieces(language.tokenizer(record.text), spans):
        if piece == " " and words and not spaces[-1]:
            spaces[-1] = True
        else:
            words.append(piece)
            spaces.append(False)
    doc = Doc(language.vocab, words=words, spaces=spaces)
    marked = [doc.char_span(span.start, span.end, label=span.label) for span in spans]
    if any(before.end > after.start for before, after in pairwise(spans)):
        doc.spans[GROUP] = marked
    elif record.spans is not None:
        doc.set_ents(marked, default="outside")
    return doc


def _pieces(doc: Any, spans: Iterable[Span]) -> Iterator[str]:
    """Yield a text in pieces that no entity begins or ends within: tokens, parts of tokens, and blanks."""
    cuts = {place for span in spans for place in (span.start, span.end)}
    for token in doc:
        cuts |= {token.idx, token.idx + len(token)}
    ends = sorted(cuts | {0, len(doc.text)})
    for start, end in pairwise(ends):
        yield doc.text[start:end]


def _fields(message: Message, number: int, at: At) -> dict[str, Any]:
    text, places = message.text(number, at)
    found: dict[str, Any] = {"text": text}
    entities = list(_entities(message, number, places, at))
    tags = message.column("ENT_IOB", number)
    known = len(tags) > 0 and all(tag in (1, 2, 3) for tag in tags)
    if not known and any(tag in (1, 3) for tag in tags):
        at.drop(text, _PARTLY)
    groups = dict(message.groups(number))
    in_group = groups.pop(GROUP, None)
    for name in groups:
        at.drop(name, f"spans of another name than {GROUP!r}")
    if known or in_group is not None:
        found["entities"] = (entities if known else []) + [entity(*span) for span in in_group or []]
    if cats := message.cats(number):
        found["labels"] = classes_of(cats, at)
    if more := message.more(number):
        at.drop(", ".join(more), "what spaCy knows of a document besides its entities and classes")
    return found


def _entities(message: Message, number: int, places: list[tuple[int, int]], at: At) -> Iterator[Any]:
    begun: list[Any] = []
    rows = zip(message.column("ENT_IOB", number), message.column("ENT_TYPE", number), places, strict=False)
    for tag, kind, (start, end) in rows:
        if tag == 1 and begun:
            begun[1] = end
            continue
        if begun:
            yield entity(*begun)
        begun = [start, end, message.string(kind, at)] if tag in (1, 3) and kind else []
    if begun:
        yield entity(*begun)
