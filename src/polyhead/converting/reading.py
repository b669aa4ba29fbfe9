"""Raw records to annotated texts: what is in each by its usual name, and repaired where that can be done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from polyhead.errors import AnnotationError, DataError
from polyhead.formats import Annotated, Limits, Loss, Lost, RawRecord
from polyhead.formats.json_values import json_type
from polyhead.formats.reading import TEXT_FIELDS, text_of
from polyhead.labels import TagReader, beside_words, spans_of_tags
from polyhead.notices import Notices
from polyhead.records import Label, Source, Span, Spans, is_unicode

_KEYS = ("start", "end", "label")
_MEANT = frozenset({*TEXT_FIELDS, "label", "labels", "entities", "ner_tags"})
"""Names under which a record of ours is written; another field of such a name would take its place."""


@dataclass(frozen=True)
class FieldNames:
    """What the fields of a file are called.

    Attributes:
        text: The text; ``sentence`` or ``text`` where not given.
        label: The class of a text; a list of classes is taken as `labels`.
        labels: Its classes, where it may have several.
        entities: Its entities, a list of objects with start, end and label.
        tags: A list of tags, one for each whitespace word.
    """

    text: str | None = None
    label: str = "label"
    labels: str = "labels"
    entities: str = "entities"
    tags: str = "ner_tags"


def annotated(
    raws: Iterable[RawRecord],
    *,
    lost: Lost,
    notices: Notices,
    names: FieldNames | None = None,
    max_characters: int = 10_000_000,
) -> Iterator[Annotated]:
    """Yield what records hold.

    Args:
        raws: The records.
        lost: Hears of entities that cannot be where they are said to be.
        notices: Hears of tags that break their scheme.
        names: What the fields are called.
        max_characters: The longest text taken.

    Raises:
        DataError: At the first record that has no text, or a field that is not what it should be.
    """
    reader = _Reader(names or FieldNames(), lost, TagReader())
    limits = Limits(max_characters, text_field=reader.names.text)
    for raw in raws:
        field, text = text_of(raw, limits)
        rest = {name: value for name, value in raw.fields.items() if name != field}
        try:
            yield reader.record(text, rest, raw.source)
        except AnnotationError as error:
            raise DataError(f"{raw.source}: {error}") from error
    reader.tags.finish(notices)


@dataclass(frozen=True)
class _Reader:
    names: FieldNames
    lost: Lost
    tags: TagReader

    def record(self, text: str, rest: dict[str, Any], source: Source) -> Annotated:
        if not is_unicode(json.dumps(rest, ensure_ascii=False)):
            raise AnnotationError("a field holds half a surrogate pair: no valid Unicode")
        label = rest.pop(self.names.label, None)
        labels = rest.pop(self.names.labels, None)
        if isinstance(label, list) and labels is None:
            label, labels = None, label
        spans = None
        if (found := rest.pop(self.names.entities, None)) is not None:
            spans = Spans(tuple(sorted(set(self._spans(found, text, source)))))
        elif (found := rest.pop(self.names.tags, None)) is not None:
            spans = self._tagged(found, text, source)
        for name in sorted(rest.keys() & _MEANT):
            if (value := rest.pop(name)) is not None:
                reason = f"the field {name!r} (what was read stands under this name)"
                self.lost(Loss("dropped", source, f"{name}={value!r}"[:80], reason))
        return Annotated(
            text,
            None if label is None else _label(label, self.names.label),
            None if labels is None else tuple(_labels(labels, self.names.labels)),
            spans,
            rest,
            source,
        )

    def _tagged(self, tags: Any, text: str, source: Source) -> Spans:
        if not isinstance(tags, list):
            raise AnnotationError(f"field {self.names.tags!r}: must be a list of tags, found {json_type(tags)}")
        given = len(tags)
        tags, words = beside_words(tags, text)
        if len(tags) > len(words):
            raise AnnotationError(f"field {self.names.tags!r}: {given} tags for {len(words)} words")
        if len(tags) < given:
            what = f"{given} tags for {len(words)} words"
            self.lost(Loss("dropped", source, what, "the tag of a blank word between two spaces"))
        known = words[len(tags) - 1][1] if tags and len(tags) < len(words) else None
        return Spans(spans_of_tags(self.tags.check(tags, source), words), known)

    def _spans(self, entries: Any, text: str, source: Source) -> Iterator[Span]:
        if not isinstance(entries, list):
            raise AnnotationError(
                f"field {self.names.entities!r}: must be a list of entities, found {json_type(entries)}"
            )
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, Mapping):
                raise AnnotationError(
                    f"entity {number}: must be an object with start, end and label, found {entry!r:.60}"
                )
            start, end, label = (entry.get(key) for key in _KEYS)
            if not (_is_place(start) and _is_place(end) and isinstance(label, str) and label):
                raise AnnotationError(
                    f"entity {number}: start and end must be whole numbers and label a string, found {entry!r:.120}"
                )
            for key in entry.keys() - set(_KEYS):
                what = f"{key}={entry[key]!r}"[:80]
                self.lost(Loss("dropped", source, what, f"what an entity says of its {key!r}"))
            if (span := self._placed(Span(start, end, label), text, source)) is not None:
                yield span

    def _placed(self, span: Span, text: str, source: Source) -> Span | None:
        """Return where an entity is, without blanks at its ends; nothing where it is no part of its text."""
        if not 0 <= span.start < span.end <= len(text):
            what = f"{span.label} at {span.start} to {span.end} of {len(text)} characters"
            self.lost(Loss("dropped", source, what, "an entity that is no part of its text"))
            return None
        surface = text[span.start : span.end]
        if not (kept := surface.strip()):
            self.lost(Loss("dropped", source, f"[{surface}]{span.label}", "an entity of nothing but blanks"))
            return None
        if kept == surface:
            return span
        start = span.start + len(surface) - len(surface.lstrip())
        self.lost(Loss("snapped", source, f"[{surface}]{span.label}", "an entity with blanks at its ends"))
        return Span(start, start + len(kept), span.label)


def _label(value: Any, field: str) -> Label:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise AnnotationError(f"field {field!r}: a class must be an integer or a string, found {value!r:.60}")
    return value


def _labels(values: Any, field: str) -> Iterator[Label]:
    if not isinstance(values, list):
        raise AnnotationError(f"field {field!r}: must be a list of classes, found {json_type(values)}")
    yield from dict.fromkeys(_label(value, field) for value in values)


def _is_place(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
