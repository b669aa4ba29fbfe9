"""Fields that hold spans: a list of objects with places in the text, or of tags."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard

from polyhead.errors import AnnotationError, name_the_known
from polyhead.formats.json_values import json_type
from polyhead.labels import TagReader
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks.entities import TagColumn

_KEYS = ("start", "end", "label")


@dataclass
class SpanColumn:
    """Reads a list of ``{"start": 0, "end": 4, "label": "PER"}``, or of tags, one a whitespace word."""

    field: str
    _tags: TagColumn = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self._tags = TagColumn(self.field)

    @property
    def tags(self) -> TagReader:
        """What checks tags, where the field holds such."""
        return self._tags.tags

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Spans:
        """Return the spans, in the order of the text. An empty list means: checked, and empty."""
        if not isinstance(value, list):
            raise AnnotationError(
                f"spans must be a list of objects with start, end and label, or of tags, found {json_type(value)}"
            )
        if value and isinstance(value[0], str):
            return self._tags.read(value, text, source, notices)
        spans: set[Span] = set()
        for position, entry in enumerate(value, start=1):
            span = _span(entry, text, f"span {position}")
            if span in spans:
                raise AnnotationError(f"span {position} is there twice: {entry!r}; remove one")
            spans.add(span)
        return Spans(tuple(sorted(spans)))

    def finish(self, notices: Notices) -> None:
        """Tell what broke the tag scheme of a file of tags."""
        self._tags.finish(notices)


@dataclass
class EntityColumn(SpanColumn):
    """The same, of entities of which none shares a character with another, as tags can say them."""

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Spans:
        """Return the entities, in the order of the text."""
        if not isinstance(value, list):
            raise AnnotationError(
                f"must be a list of tags, one for each word, or of entities, found {json_type(value)}"
            )
        if not any(isinstance(entry, dict) for entry in value):
            return self._tags.read(value, text, source, notices)
        found = super().read(value, text, source, notices)
        for before, after in pairwise(found.spans):
            if after.start < before.end:
                first, second = (f"[{text[span.start : span.end]}]{span.label}" for span in (before, after))
                raise AnnotationError(
                    f"{first} and {second} overlap, which tags cannot say; remove one, or take the kind 'spans'"
                )
        return found


def _span(entry: object, text: str, name: str) -> Span:
    if not isinstance(entry, dict):
        raise AnnotationError(f"{name} must be an object with start, end and label, found {json_type(entry)}")
    for key in entry:
        if key not in _KEYS:
            raise AnnotationError(f"{name} has {key!r}, which no span has; {name_the_known(key, _KEYS)}")
    for key in _KEYS:
        if key not in entry:
            raise AnnotationError(f"{name} has no {key!r}: found {entry!r}")
    start, end = _place(entry["start"], entry["end"], text, name)
    label = entry["label"]
    if not isinstance(label, str) or not label:
        raise AnnotationError(f"{name}: label must be a string that is not empty, found {label!r}")
    return Span(start, end, label)


def _place(start: object, end: object, text: str, name: str) -> tuple[int, int]:
    if not _is_place(start) or not _is_place(end):
        raise AnnotationError(f"{name}: start and end must be whole numbers, found {start!r} and {end!r}")
    if not 0 <= start < end <= len(text):
        raise AnnotationError(
            f"{name}: characters {start} to {end} are no part of a text of {len(text)} characters; start counts from 0 "
            f"and end is one past the last"
        )
    surface = text[start:end]
    if not (kept := surface.strip()):
        raise AnnotationError(f"{name} holds nothing but blanks: {surface!r}; remove it")
    if kept != surface:
        first = start + len(surface) - len(surface.lstrip())
        raise AnnotationError(
            f"{name} begins or ends with a blank: {surface!r}; move its boundary: start {first}, "
            f"end {first + len(kept)}"
        )
    return start, end


def _is_place(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
