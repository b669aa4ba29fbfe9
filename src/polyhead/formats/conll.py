"""CoNLL-2003 and its like: a word a line, its tag in the last column, a blank line behind each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.errors import DataError, SettingsError
from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RECORD_LIMIT, RawRecord, ReadOptions, TextFormat, numbered_lines
from polyhead.formats.words import (
    UNKNOWN,
    checked_words,
    entities_of,
    is_tag,
    known_tags,
    one_line,
    places_of,
    whole_lines,
    worded,
)
from polyhead.formats.writing import new_text
from polyhead.records import Source

_DOCUMENT = "-DOCSTART-"
_COMMENT = re.compile(r"#\s*(label|intent|id|sent_id|text)(?:\s*[=:]\s*|\s+)(.*\S)\s*")
_FIELDS = {"intent": "label"}
_WORD, _TAGS, _PASSED = ("text", "token", "word"), "ner_tags", "_"

Line = tuple[Source, str]


class Conll(TextFormat):
    """A word a line, in columns between tabs, or between blanks; the first is the word and the last its tag.

    ``# label = X``, ``# intent: X``, ``# id = X``, ``# text = X`` before a sentence say what else is known of it. The
    tag ``_`` is unknown. Words are joined by single blanks, unless the sentence says its text.
    """

    name: ClassVar[str] = "conll"
    title: ClassVar[str] = "CoNLL"
    holds: ClassVar[Holds] = Holds(
        labels=False, integers=False, spans="words", overlaps=False, blank_types=False, partly=True, blanks=False
    )

    def fits(self, place: Place) -> bool:
        """Whether the file is called so, or begins with lines that all end with a tag, one of an entity among them."""
        if place.is_folder or place.head.startswith(("{", "[")):
            return False
        if place.is_called(".conll", ".iob", ".iob2", ".bio", ".bioes", ".conll2003", ".conll2002"):
            return True
        lines = whole_lines(place.head)
        rows = [_split(line, "\t" in line) for line in lines if line.strip() and not line.startswith("#")]
        if not rows or any(len(row) != len(rows[-1]) or len(row) < 2 or not is_tag(row[-1]) for row in rows):
            return False
        return rows[0][0] == _DOCUMENT or any(row[-1] not in {"O", UNKNOWN} for row in rows)

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the file's sentences; holds one at a time."""
        table = _Table(options.columns, lost)
        for lines in _sentences(stream, path):
            comments, rows = table.parted(lines)
            if rows:
                yield table.record(comments, rows)
            else:
                table.drop(comments)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write a class as a comment, then each word with its tag."""
        with new_text(path) as stream:
            for number, (record, words, tags) in enumerate(worded(records, lost)):
                if words[0] == _DOCUMENT:
                    lost(Loss("dropped", record.source, record.text[:60], f"a text that begins with {_DOCUMENT}"))
                    continue
                if number == 0 and words[0].startswith("\ufeff"):
                    stream.write("\ufeff")  # a reader takes the first for the mark of a file
                if label := one_line(record, lost):
                    stream.write(f"# label = {label}\n")
                rows = zip(words, tags or [UNKNOWN] * len(words), strict=True)
                stream.write("".join(f"{word}\t{tag}\n" for word, tag in rows) + "\n")


def _sentences(stream: TextIO, path: str) -> Iterator[list[Line]]:
    """Yield the lines between blank ones, without those that begin a document."""
    lines: list[Line] = []
    characters = 0
    for source, line in numbered_lines(stream, path):
        if line.isspace():
            if lines:
                yield lines
            lines, characters = [], 0
            continue
        if line.startswith(_DOCUMENT) and all(own.startswith("#") for _, own in lines):
            continue
        characters += len(line)
        if characters > RECORD_LIMIT:
            raise DataError(f"{source}: the sentence has more than {RECORD_LIMIT:,} characters, the limit for a record")
        lines.append((source, line.rstrip("\r\n")))
    if lines:
        yield lines


@dataclass
class _Table:
    """What is known of the columns of a file.

    Attributes:
        columns: Their names; until the first row was seen, as the user gave them.
        lost: Hears of columns without a name, and of comments that say nothing we know.
    """

    columns: Sequence[str] | None
    lost: Lost
    _width: int = 0
    _tabs: bool = field(default=False, init=False)

    def parted(self, lines: Sequence[Line]) -> tuple[list[Line], list[tuple[Source, list[str]]]]:
        """Part the comments of a sentence, which stand before it, from its words."""
        if not self._width and (first := next((own for own in lines if not own[1].startswith("#")), None)):
            self._begin(*first)
        behind = next((at for at, (_, line) in enumerate(lines) if not self._is_comment(line)), len(lines))
        if not self._width and behind < len(lines):
            self._begin(*lines[behind])
        return list(lines[:behind]), [self._row(*line) for line in lines[behind:]]

    def record(self, comments: Sequence[Line], rows: Sequence[tuple[Source, list[str]]]) -> RawRecord:
        """Make a record of a sentence."""
        assert self.columns is not None  # noqa: S101 (there was a row)
        source = comments[0][0] if comments else rows[0][0]
        columns: dict[str, list[str]] = {
            name: [row[at] for _, row in rows] for at, name in enumerate(self.columns) if name != _PASSED
        }
        words = next(columns.pop(name) for name in _WORD if name in columns)
        checked_words(words, [place for place, _ in rows])
        tags = known_tags(columns.pop(_TAGS), rows[0][0]) if _TAGS in columns else None
        fields: dict[str, Any] = {"text": " ".join(words), **columns, **self._said(comments)}
        if tags is not None:
            fields[_TAGS] = tags
        return RawRecord(self._as_said(fields, words, rows[0][0]), source)

    def drop(self, comments: Iterable[Line]) -> None:
        """Tell of comments that stand before no sentence."""
        for source, line in comments:
            self.lost(Loss("dropped", source, line[:80], "a comment before no sentence"))

    def _said(self, comments: Iterable[Line]) -> dict[str, str]:
        """Return what comments say of the sentence behind them."""
        said: dict[str, str] = {}
        for source, line in comments:
            match = _COMMENT.fullmatch(line)
            if match is None:
                self.lost(Loss("dropped", source, line[:80], "a comment that says neither label, id nor text"))
                continue
            name = _FIELDS.get(match[1], match[1])
            if name in said:
                raise DataError(f"{source}: the sentence has two comments with its {name!r}; remove one")
            said[name] = match[2]
        return said

    def _as_said(self, fields: dict[str, Any], words: list[str], source: Source) -> dict[str, Any]:
        """Place words in the text that the sentence says it has, where they are not its whitespace words."""
        if fields["text"].split() == words:
            return fields
        if (places := places_of(words, fields["text"])) is None:
            self.lost(Loss("dropped", source, fields["text"][:60], "a text said by a comment that is not of its words"))
            return fields | {"text": " ".join(words)}
        if (tags := fields.pop(_TAGS, None)) is not None:
            if len(tags) < len(words):
                self.lost(Loss("dropped", source, fields["text"][:60], "the entities of a text that is tagged in part"))
            else:
                fields["entities"] = entities_of(tags, places, source)
        for name in [name for name, value in fields.items() if isinstance(value, list) and name != "entities"]:
            del fields[name]
            self.lost(Loss("dropped", source, name, f"the column {name!r} of words that are not whitespace words"))
        return fields

    def _is_comment(self, line: str) -> bool:
        """Whether a line that begins with # is none of a word #, which has all columns and ends with a tag."""
        if not line.startswith("#"):
            return False
        if not self._width:  # the first sentence has lines with # only; no comment of ours has a tab
            return "\t" not in line or not is_tag(_split(line, tabs=True)[-1])
        row = _split(line, self._tabs)
        tag = self.columns.index(_TAGS) if self.columns and _TAGS in self.columns else None
        return len(row) != self._width or (tag is not None and not is_tag(row[tag]))

    def _begin(self, source: Source, line: str) -> None:
        """Learn of the columns from the first row."""
        self._tabs = "\t" in line
        row = _split(line, self._tabs)
        self._width = len(row)
        if self.columns is None:
            if len(row) < 2:
                raise DataError(f"{source}: the row has one column, a word and its tag are two: {line[:60]!r}")
            for at in range(2, len(row)):
                self.lost(Loss("dropped", source, f"column {at}", "a column that nobody named (--columns names it)"))
            self.columns = [_WORD[0], *[_PASSED] * (len(row) - 2), _TAGS]
            return
        named = [name for name in self.columns if name != _PASSED]
        if len(set(named)) < len(named) or len(set(named) & set(_WORD)) != 1:
            raise SettingsError(
                f"--columns {','.join(self.columns)}: must name each column once, and that of the words 'text'"
            )

    def _row(self, source: Source, line: str) -> tuple[Source, list[str]]:
        row = _split(line, self._tabs)
        wanted = len(self.columns or ())
        if len(row) != wanted:
            between = "tabs" if self._tabs else "blanks"
            raise DataError(
                f"{source}: the row has {len(row)} columns between {between}, must have {wanted}: {line[:60]!r}"
            )
        return source, row


def _split(line: str, tabs: bool) -> list[str]:
    return [cell.strip(" ") for cell in line.split("\t")] if tabs else line.split()
