"""What a format can hold, and what becomes of a record that has more."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from polyhead.formats.annotated import Annotated
from polyhead.formats.losses import How, Loss, Lost
from polyhead.labels.words import words_of
from polyhead.records import Label, Span, Spans

_BLANK = re.compile(r"\s")


@dataclass(frozen=True)
class Holds:
    """What a format can hold. Whatever it cannot, `fitted` takes out or changes, and tells.

    Attributes:
        label: One class of a text.
        labels: Several classes of a text.
        integers: Classes that are integers, apart from strings of the same digits.
        spans: Entities at any characters, of whole whitespace words only, or none.
        overlaps: Entities that share characters.
        blank_types: Entity types with blanks in them; else each becomes ``_``.
        partly: Texts whose entities are known up to some word only.
        unknown: The difference between entities that are not known, and a text that has none.
        unlabelled: Records without a class.
        rest: Fields of any name; of any value, or strings only: else they are written as JSON.
        lines: Texts of several lines.
        blanks: Blanks as they are; else words are joined by one blank.
        order: Records in any order; else those of one class stand together, in the order in which classes first come.
        mended: Takes out or changes what the format cannot hold for reasons of its own, and tells; `None` drops the
            record. Its own results it leaves as they are.
    """

    label: bool = True
    labels: bool = True
    integers: bool = True
    spans: Literal["characters", "words", "none"] = "characters"
    overlaps: bool = True
    blank_types: bool = True
    partly: bool = False
    unknown: bool = True
    unlabelled: bool = True
    rest: bool | Literal["texts"] = False
    lines: bool = True
    blanks: bool = True
    order: bool = True
    mended: Callable[[Annotated, Lost], Annotated | None] | None = None


def fitted(record: Annotated, holds: Holds, lost: Lost) -> Annotated | None:
    """Return what a format can hold of a record; `None` where that is nothing.

    Args:
        record: The record.
        holds: What the format can hold.
        lost: Hears of the difference.
    """
    fitting = _Fitting(record, holds, lost)
    record = fitting.rest(fitting.spans(fitting.classes(fitting.text(record))))
    if not holds.unlabelled and record.label is None and record.labels is None:
        fitting.lose("dropped", record.text[:60], "a record without a class")
        return None
    return holds.mended(record, lost) if holds.mended else record


@dataclass(frozen=True)
class _Fitting:
    record: Annotated
    holds: Holds
    lost: Lost

    def lose(self, how: How, what: str, reason: str) -> None:
        self.lost(Loss(how, self.record.source, what, reason))

    def text(self, record: Annotated) -> Annotated:
        """Make blanks what they can be; entities move with their words."""
        wanted = record.text
        if not self.holds.blanks:
            words = words_of(record.text)
            wanted = " ".join(record.text[start:end] for start, end in words)
        elif not self.holds.lines:
            wanted = " ".join(lines) if (lines := record.text.splitlines()) != [record.text] else record.text
        if wanted == record.text:
            return record
        self.lose("changed", record.text[:60], "white space of a text that cannot be held (one blank between words)")
        places = _places(record.text, wanted)
        spans = record.spans
        if spans is not None:
            moved = tuple(Span(places[span.start], places[span.end - 1] + 1, span.label) for span in spans.spans)
            known = spans.known_to
            spans = Spans(moved, None if known is None else places[known - 1] + 1 if known else 0)
        return dataclasses.replace(record, text=wanted, spans=spans)

    def classes(self, record: Annotated) -> Annotated:
        label, labels = record.label, record.labels
        if label is not None and not self.holds.label:
            if self.holds.labels and labels is None:
                labels, label = (label,), None
                self.lose("changed", repr(record.label), "the one class of a text (written as a list of one)")
            else:
                self.lose("dropped", repr(label), "the one class of a text")
                label = None
        if labels is not None and not self.holds.labels:
            if self.holds.label and label is None and len(labels) == 1:
                label, labels = labels[0], None
                self.lose("changed", repr(label), "a list of one class (written as the one class)")
            else:
                self.lose("dropped", repr(list(labels)), "a list of classes")
                labels = None
        if not self.holds.integers:
            label = None if label is None else self._in_digits(label)
            labels = None if labels is None else tuple(map(self._in_digits, labels))
        if label is record.label and labels is record.labels:  # as nearly always
            return record
        return dataclasses.replace(record, label=label, labels=labels)

    def _in_digits(self, label: Label) -> str:
        if isinstance(label, int):
            self.lose("changed", repr(label), "a class that is an integer (written as a string)")
        return str(label)

    def spans(self, record: Annotated) -> Annotated:
        spans = record.spans
        if spans is None:
            if self.holds.spans != "none" and not self.holds.unknown:
                self.lose("changed", record.text[:60], "a text whose entities are unknown (written as one without any)")
                return dataclasses.replace(record, spans=Spans(()))
            return record
        if self.holds.spans == "none":
            for span in spans.spans:
                self.lose("dropped", _shown(span, record.text), "an entity")
            return dataclasses.replace(record, spans=None)
        if spans.known_to is not None and not self.holds.partly:
            self.lose("dropped", record.text[:60], "the entities of a text that is annotated in part")
            return self.spans(dataclasses.replace(record, spans=None))
        kept = self._held(spans.spans, record.text)
        return record if kept == spans.spans else dataclasses.replace(record, spans=Spans(kept, spans.known_to))

    def _held(self, kept: tuple[Span, ...], text: str) -> tuple[Span, ...]:
        """Return entities as they can be held."""
        if not self.holds.blank_types:
            kept = tuple(self._without_blanks(kept))
        if self.holds.spans == "words":
            kept = tuple(self._to_words(kept, text))
        if not self.holds.overlaps:
            kept = tuple(self._apart(kept, text))
        return kept

    def _without_blanks(self, spans: Sequence[Span]) -> Iterator[Span]:
        for span in spans:
            label = _BLANK.sub("_", span.label)
            if label != span.label:
                self.lose("changed", repr(span.label), "an entity type with blanks (written with _)")
            yield Span(span.start, span.end, label)

    def _to_words(self, spans: Sequence[Span], text: str) -> Iterator[Span]:
        """Yield entities of whole words."""
        words = words_of(text)
        for span in spans:
            inside = [(start, end) for start, end in words if start < span.end and end > span.start]
            wide = Span(inside[0][0], inside[-1][1], span.label)
            if wide != span:
                what = f"{_shown(span, text)} became [{text[wide.start : wide.end]}]"
                self.lose("snapped", what, "an entity that is not of whole words")
            yield wide

    def _apart(self, spans: Sequence[Span], text: str) -> Iterator[Span]:
        """Yield entities of which none shares a character with one before it, nor, from one place on, is shorter."""
        behind = 0
        for span in sorted(spans, key=lambda own: (own.start, -own.end)):
            if span.start < behind:
                self.lose("dropped", _shown(span, text), "an entity that overlaps another")
                continue
            behind = span.end
            yield span

    def rest(self, record: Annotated) -> Annotated:
        if self.holds.rest is True:
            return record
        kept = {}
        for name, value in record.rest.items():
            shown = f"{name}={value!r}"[:80]
            if value is None:
                continue
            if not self.holds.rest or value == "":
                self.lose("dropped", shown, f"the field {name!r}")
                continue
            if not isinstance(value, str):
                self.lose("changed", shown, "the value of a field that is no string (written as JSON)")
            kept[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return dataclasses.replace(record, rest=kept) if record.rest else record


def _shown(span: Span, text: str) -> str:
    return f"[{text[span.start : span.end]}]{span.label}"


def _places(text: str, wanted: str) -> list[int]:
    """Return, for each character of a text, where it stands in one that differs in white space; blanks at what follows.

    Args:
        text: The text.
        wanted: The same words.
    """
    places = [len(wanted)] * len(text)
    for (start, end), (there, _) in zip(words_of(text), words_of(wanted), strict=True):
        for offset in range(end - start):
            places[start + offset] = there + offset
    behind = len(wanted)
    for at in range(len(text) - 1, -1, -1):
        if text[at].isspace():
            places[at] = behind
        else:
            behind = places[at]
    return places
