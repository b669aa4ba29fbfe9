"""Texts that come as words, each with a tag: what several formats of one word a column, line or element share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from polyhead.errors import AnnotationError, DataError
from polyhead.formats.annotated import Annotated
from polyhead.formats.losses import Loss, Lost
from polyhead.labels import TagReader, spans_of_tags, tags_of_spans, words_of
from polyhead.labels.tags import Extent
from polyhead.records import Source

UNKNOWN = "_"
"""The tag of a word of which nobody said whether it is part of an entity."""

_TAG = re.compile(r"O|[BIUSLE]-.+")


def is_tag(text: str) -> bool:
    """Whether a text looks like a tag of any scheme, or like one that is unknown."""
    return text == UNKNOWN or _TAG.fullmatch(text) is not None


def whole_lines(head: str) -> list[str]:
    """Return the lines that a file begins with, but the last where it may be cut off."""
    lines = [line.rstrip("\r") for line in head.split("\n")]
    return lines[:-1] if len(lines) > 1 else lines


def checked_words(words: Sequence[str], sources: Iterable[Source]) -> None:
    """Refuse words that would not be words of the text that they make.

    Raises:
        DataError: At the first that is empty, or has a blank in it.
    """
    if " ".join(words).split() == list(words):
        return
    for word, source in zip(words, sources, strict=False):
        if len(word.split()) != 1 or word.strip() != word:
            what = f"holds a blank: {word!r}" if word.strip() else "is empty"
            raise DataError(
                f"{source}: the word {what}; the words of a text are joined by blanks, so none may hold one: "
                f"split it, each part with its tag"
            )


def known_tags(tags: Sequence[str], source: Source) -> list[str] | None:
    """Return the tags up to where they are known; `None` where no word's is.

    Raises:
        DataError: If one that is known stands behind one that is not.
    """
    known = next((at for at, tag in enumerate(tags) if tag == UNKNOWN), len(tags))
    if any(tag != UNKNOWN for tag in tags[known:]):
        raise DataError(
            f"{source}: word {known + 1} has the tag {UNKNOWN!r}, which is unknown, and words behind it have others; "
            f"a text may be tagged up to some word only"
        )
    return list(tags[:known]) if known else None


def places_of(words: Sequence[str], text: str) -> list[Extent] | None:
    """Find where words stand in their text, with nothing but blanks between; `None` where they do not."""
    found: list[Extent] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(word)
        found.append((start, at))
    return None if text[at:].strip() else found


def entities_of(tags: Sequence[str], places: Sequence[Extent], source: Source) -> list[dict[str, Any]]:
    """Read tags of words that are not the whitespace words of their text.

    Raises:
        DataError: If a tag fits no scheme.
    """
    try:
        spans = spans_of_tags(TagReader().check(tags, source), places)
    except AnnotationError as error:
        raise DataError(f"{source}: {error}") from error
    return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]


def worded(records: Iterable[Annotated], lost: Lost) -> Iterator[tuple[Annotated, list[str], list[str] | None]]:
    """Yield records with their words and tags, those of unknown words being `UNKNOWN`; no tags where all are unknown.

    Args:
        records: Their entities are of whole words, and do not overlap.
        lost: Hears of a text that has no word.
    """
    for record in records:
        extents = words_of(record.text)
        if not extents:
            lost(Loss("dropped", record.source, repr(record.text), "a text without a word"))
            continue
        words = [record.text[start:end] for start, end in extents]
        tags = None
        if record.spans is not None:
            tags = tags_of_spans(record.spans.spans, extents)
            if (known := record.spans.known_to) is not None:
                tags = [tag if start < known else UNKNOWN for tag, (start, _) in zip(tags, extents, strict=True)]
        yield record, words, tags


def one_line(record: Annotated, lost: Lost) -> str:
    """Return the class of a record as it can stand on a line of its own; empty where it has none."""
    label = "" if record.label is None else str(record.label)
    if label.strip() == label and not re.search(r"[\t\r\n]", label):
        return label
    lost(Loss("changed", record.source, repr(label), "a class with blanks at its ends or of several lines or columns"))
    return " ".join(label.split())
