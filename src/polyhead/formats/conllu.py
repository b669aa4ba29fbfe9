"""CoNLL-U and CoNLL-U Plus: syntactic words in ten columns, or in those that the file names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO

from polyhead.errors import DataError
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat, numbered_lines
from polyhead.formats.words import entities_of, places_of, whole_lines
from polyhead.labels.tags import Extent
from polyhead.records import Source

_TEN = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_PLUS = "# global.columns ="
_WORDWISE = {"LEMMA": "lemma", "UPOS": "upos", "XPOS": "xpos"}
_TREE = ("HEAD", "DEPREL", "DEPS")
_OURS = ("sentence", "label", "labels", "entities", "ner_tags", *_WORDWISE.values())
_UNUSED = {"_", "*"}
_LONGEST_ID = 12

Row = tuple[Source, Mapping[str, str]]


class Conllu(TextFormat):
    """Sentences of syntactic words. Read are the text, what is said of the sentence, and what words are.

    ``lemma``, ``upos`` and ``xpos`` become lists of ``{"start", "end", "label"}``, like entities: syntactic words are
    hardly ever whitespace words. Entities come from ``NER=`` in MISC, or a column of that name, of any scheme of tags;
    a sentence in which no word has it is one whose entities are unknown. Trees, features, empty nodes and whatever
    else MISC holds are not taken, and told.
    """

    name: ClassVar[str] = "conllu"
    title: ClassVar[str] = "CoNLL-U"

    def fits(self, place: Place) -> bool:
        """Whether the file is called so, names its columns, or begins with a first word of ten columns."""
        if place.is_called(".conllu", ".conllup"):
            return True
        lines = [line for line in whole_lines(place.head) if line.strip()]
        if lines and lines[0].startswith(_PLUS):
            return True
        first = next((line.split("\t") for line in lines if not line.startswith("#")), [])
        return len(first) == len(_TEN) and first[0] in {"1", "1-2", "1-3", "0.1"}

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the file's sentences; holds one at a time."""
        columns: Sequence[str] = _TEN
        comments: list[tuple[Source, str]] = []
        rows: list[Row] = []
        characters = 0
        for source, line in numbered_lines(stream, path):
            characters += len(line)
            if characters > RECORD_LIMIT:
                raise DataError(f"{source}: the sentence has more than {RECORD_LIMIT:,} characters, the limit")
            if line.startswith(_PLUS):
                columns = _named(line, source)
            elif line.startswith("#") and not rows:
                comments.append((source, line[1:].strip()))
            elif not line.isspace():
                rows.append((source, _cells(line.rstrip("\r\n"), columns, source)))
            else:
                if rows:
                    yield _Sentence(comments, rows, lost).record()
                    comments = []
                rows, characters = [], 0
        if rows:
            yield _Sentence(comments, rows, lost).record()


def _named(line: str, source: Source) -> list[str]:
    names = line.removeprefix(_PLUS).split()
    if "ID" not in names or "FORM" not in names:
        raise DataError(f"{source}: the columns must be ID, FORM and others, found {' '.join(names)}")
    return names


def _cells(line: str, columns: Sequence[str], source: Source) -> dict[str, str]:
    cells = line.split("\t")
    if len(cells) != len(columns):
        raise DataError(
            f"{source}: the row has {len(cells)} columns between tabs, must have {len(columns)}: {line[:60]!r}"
        )
    row = dict(zip(columns, cells, strict=True))
    if len(row["ID"]) > _LONGEST_ID or not row["ID"].replace("-", ".", 1).replace(".", "", 1).isdecimal():
        raise DataError(f"{source}: ID must be such as 1, 1-2 or 1.1, found {row['ID'][:20]!r}")
    if not row["FORM"].strip():
        raise DataError(f"{source}: the word is empty")
    return row


@dataclass
class _Sentence:
    """One sentence.

    Attributes:
        comments: Those before it, without their ``#``.
        rows: Its words, tokens of several words, and empty nodes.
        lost: Hears of what is not taken.
    """

    comments: Sequence[tuple[Source, str]]
    rows: Sequence[Row]
    lost: Lost

    def record(self) -> RawRecord:
        """Make a record of it."""
        source = self.rows[0][0]
        said = self._said()
        tokens, words = self._tokens()
        text, places = self._text(tokens, said.pop("text", None), source)
        extents = self._extents(tokens, words, places)
        fields: dict[str, Any] = {"text": text, **said}
        for column, name in _WORDWISE.items():
            values = [
                {"start": start, "end": end, "label": row[column]}
                for (start, end), row in extents
                if row.get(column, "_") != "_" or (column == "LEMMA" and row.get("FORM") == "_")
            ]
            if any(column in row for _, row in self.rows):
                fields[name] = values
        entities = self._entities(extents, source)
        self._tell(source)
        return RawRecord(fields if entities is None else {**fields, "entities": entities}, source)

    def _drop(self, source: Source, what: str, reason: str) -> None:
        self.lost(Loss("dropped", source, what, reason))

    def _said(self) -> dict[str, str]:
        """Return what comments say: one name and value each."""
        said: dict[str, str] = {}
        for source, comment in self.comments:
            name, equals, value = (part.strip() for part in comment.partition("="))
            if not equals or not value:
                self._drop(source, comment[:80], "a comment that is not of a name and a value")
            elif name in said:
                self._drop(source, comment[:80], "a comment of a name that the sentence has already")
            elif name in _OURS:
                self._drop(source, comment[:80], "a comment of a name that means something else here")
            else:
                said[name] = value
        return said

    def _tokens(self) -> tuple[list[tuple[Mapping[str, str], int]], list[Mapping[str, str]]]:
        """Return the tokens of the surface, each with its number of words, and the words."""
        tokens: list[tuple[Mapping[str, str], int]] = []
        words: list[Mapping[str, str]] = []
        inside = 0
        for source, row in self.rows:
            if "." in row["ID"]:
                self._drop(source, row["FORM"][:60], "an empty node, which is not in the text")
            elif "-" in row["ID"]:
                first, last = (int(part or 0) for part in row["ID"].split("-"))
                if inside or first != len(words) + 1 or last < first:
                    raise DataError(f"{source}: the token {row['ID']} does not stand before its words")
                tokens.append((row, last - first + 1))
                inside = last - first + 1
            else:
                if int(row["ID"]) != len(words) + 1:
                    raise DataError(f"{source}: the word has ID {row['ID']}, must have {len(words) + 1}")
                words.append(row)
                if inside:
                    inside -= 1
                else:
                    tokens.append((row, 1))
        if inside or not tokens:
            raise DataError(f"{self.rows[-1][0]}: the sentence ends before all words of its last token")
        return tokens, words

    def _text(
        self, tokens: Sequence[tuple[Mapping[str, str], int]], said: str | None, source: Source
    ) -> tuple[str, list[Extent]]:
        """Return the text, which a comment says or the tokens make, and where the tokens are in it."""
        forms = [row["FORM"] for row, _ in tokens]
        if said is not None:
            if (places := places_of(forms, said)) is not None:
                return said, places
            self._drop(source, said[:60], "a text said by a comment that is not of its words")
        text, found = "", []
        for form, (row, _) in zip(forms, tokens, strict=True):
            found.append((len(text), len(text) + len(form)))
            text += form + ("" if "SpaceAfter=No" in row.get("MISC", "").split("|") else " ")
        return text.rstrip(), found

    def _extents(
        self,
        tokens: Sequence[tuple[Mapping[str, str], int]],
        words: Sequence[Mapping[str, str]],
        places: Sequence[Extent],
    ) -> list[tuple[Extent, Mapping[str, str]]]:
        """Return each word with its place; those of a token that is not made of them have none."""
        found: list[tuple[Extent, Mapping[str, str]]] = []
        at = 0
        for (row, count), (start, end) in zip(tokens, places, strict=True):
            inside = words[at : at + count]
            at += count
            if "-" not in row["ID"]:
                found.append(((start, end), row))
                continue
            if "".join(own["FORM"] for own in inside) != row["FORM"]:
                reason = "what is known of the words of a token that is not made of them"
                self._drop(self.rows[0][0], row["FORM"], reason)
                found.append(((start, end), {key: row[key] for key in ("MISC", "NER") if key in row}))
                continue
            if _tag(row):
                self._drop(self.rows[0][0], row["FORM"], "the tag of a token of several words (theirs are read)")
            for own in inside:
                found.append(((start, start + len(own["FORM"])), own))
                start += len(own["FORM"])
        return found

    def _entities(
        self, extents: Sequence[tuple[Extent, Mapping[str, str]]], source: Source
    ) -> list[dict[str, Any]] | None:
        tags = [_tag(row) for _, row in extents]
        if not any(tags):
            return None
        return entities_of([tag or "O" for tag in tags], [place for place, _ in extents], source)

    def _tell(self, source: Source) -> None:
        """Tell, once a sentence, of each sort of thing that is not taken."""
        rows = [row for _, row in self.rows if "." not in row["ID"]]
        start = rows[0]["FORM"]
        if any(row.get(column, "_") not in _UNUSED for row in rows for column in _TREE):
            self._drop(source, start, "the dependencies of a sentence")
        if any(row.get("FEATS", "_") not in _UNUSED for row in rows):
            self._drop(source, start, "the morphological features of a sentence's words")
        for column in rows[0].keys() - {*_TEN, "NER"}:
            if any(row[column] not in _UNUSED for row in rows):
                self._drop(source, start, f"the column {column} of a sentence")
        for name in sorted({part.partition("=")[0] for row in rows for part in _misc(row)} - {"SpaceAfter"}):
            if name.upper() != "NER":
                self._drop(source, start, f"what MISC holds of {name!r}")


def _misc(row: Mapping[str, str]) -> list[str]:
    misc = row.get("MISC", "_")
    return [] if misc in _UNUSED else misc.split("|")


def _tag(row: Mapping[str, str]) -> str | None:
    """Return the tag that a word has, in MISC or in a column of its own."""
    if row.get("NER", "_") not in _UNUSED:
        return row["NER"]
    parts = (part.partition("=") for part in _misc(row))
    return next((value for name, _, value in parts if name.upper() == "NER"), None)
