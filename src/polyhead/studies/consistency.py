"""Annotations that contradict each other, found without a model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from polyhead.records import Record, Span, Spans, in_words, text_key
from polyhead.studies.issues import Finding
from polyhead.tasks import Task

_WEIGHT = 0.5
"""What a contradiction counts at most: of two annotations that contradict each other, one may be right."""
_FEWEST = 2
"""How often a surface must be tagged before it is missed where it is not."""
_TOKEN = re.compile(r"\w+|[^\w\s]")

Surface = tuple[str, ...]


def same_texts(records: Sequence[Record], task: Task) -> Iterator[Finding]:
    """Find records of equal text whose annotations cannot all be right.

    Args:
        records: The records.
        task: The task whose annotations are compared.

    Yields:
        One finding for each record that differs from another one; the more of the others it differs from, the more
        it counts.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        if task.name in record.annotations:
            groups[text_key(record.text), text_key(record.second or "")].append(index)
    for group in groups.values():
        for index in group if len(group) > 1 else ():
            own = records[index].annotations[task.name]
            others = [at for at in group if at != index and task.differ(own, records[at].annotations[task.name])]
            if not others:
                continue
            first = records[others[0]]
            theirs = task.in_words(first.annotations[task.name], first.text)
            detail = f"{len(others)} of {len(group) - 1} with this text differ, first: {first.source}"
            weight = _WEIGHT * len(others) / (len(group) - 1)
            given = task.in_words(own, records[index].text)
            yield Finding(index, task.name, "same text", weight, given, theirs, detail=detail)


@dataclass(frozen=True)
class _Place:
    """A stretch of a record's text, tagged or not."""

    record: int
    span: tuple[int, int]
    label: str | None


def same_surfaces(records: Sequence[Record], task: Task) -> Iterator[Finding]:
    """Find entities whose surface has another type, or that are tagged, in most other places.

    Args:
        records: The records.
        task: The task whose entities are compared; a kind without entities has no findings.

    Yields:
        One finding for each place that differs from what is usual. It counts more the rarer what is annotated there is
        for its surface.
    """
    for places in _places(records, task).values():
        types = Counter(place.label for place in places if place.label is not None)
        usual, often = types.most_common(1)[0]
        tagged, all_places = types.total(), len(places)
        for place in places:
            text = records[place.record].text
            start, end = place.span
            suggested = in_words([Span(start, end, str(usual))], text)
            if place.label is None:
                if tagged >= _FEWEST and tagged > all_places / 2:
                    detail = f"tagged in {tagged} of {all_places} places"
                    weight = _WEIGHT * tagged / all_places
                    yield Finding(place.record, task.name, "untagged", weight, "none", suggested, place.span, detail)
            elif place.label != usual:
                detail = f"{usual} in {often} of {tagged} places"
                weight = _WEIGHT * (1 - types[place.label] / tagged)
                given = in_words([Span(start, end, place.label)], text)
                yield Finding(place.record, task.name, "other type", weight, given, suggested, place.span, detail)


def _places(records: Sequence[Record], task: Task) -> dict[Surface, list[_Place]]:
    """Return, by surface of an entity, where it stands, tagged and untagged."""
    annotated = [
        (at, own, own.annotations[task.name]) for at, own in enumerate(records) if task.name in own.annotations
    ]
    found: dict[Surface, list[_Place]] = defaultdict(list)
    for index, record, annotation in annotated:
        for span in task.annotated(annotation):
            if surface := _surface(record.text[span.start : span.end]):
                found[surface].append(_Place(index, (span.start, span.end), span.label))
    longest = max(map(len, found), default=0)
    for index, record, annotation in annotated if found else ():
        for surface, place in _untagged(record, annotation, task, longest):
            if surface in found:
                found[surface].append(_Place(index, place, None))
    return found


def _untagged(record: Record, annotation: Spans, task: Task, longest: int) -> Iterator[tuple[Surface, tuple[int, int]]]:
    """Yield the stretches of a text that touch no entity, and where they stand, as far as it was annotated."""
    spans = task.annotated(annotation)
    known = len(record.text) if annotation.known_to is None else annotation.known_to
    tokens = [
        (token.group().casefold(), token.start(), token.end())
        for token in _TOKEN.finditer(record.text)
        if token.end() <= known
    ]
    free = [not any(span.start < end and start < span.end for span in spans) for _, start, end in tokens]
    for first, (_, start, _) in enumerate(tokens):
        for behind in range(first + 1, min(first + longest, len(tokens)) + 1):
            if not free[behind - 1]:
                break
            yield tuple(token for token, _, _ in tokens[first:behind]), (start, tokens[behind - 1][2])


def _surface(text: str) -> Surface:
    return tuple(token.group().casefold() for token in _TOKEN.finditer(text))
