"""What a data file is turned into: a text with the annotations it carries.

Characters are the only coordinates: whatever the file held (word tags, columns, spans), an annotation of a
stretch of text is a `Span` with ``text[span.start:span.end]`` as its surface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Label = int | str
"""A class as the data wrote it; it comes back as what it was."""

Text = str | tuple[str, str]
"""One text, or two that are read together: premise and hypothesis, say."""


def is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8; one with half a surrogate pair, which JSON can escape, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_key(text: str) -> str:
    """Return what texts share that differ in case and white space only."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record stood.

    Attributes:
        path: The file as the user named it.
        line: The line, from 1.
    """

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of text.

    Attributes:
        start: First character, from 0.
        end: One past the last character.
        label: The entity type.
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Spans:
    """The annotation of a tagging task: what was found in a text, and how much of the text was looked at.

    Attributes:
        spans: In the order of the text.
        known_to: Characters from here on were not annotated: they are unknown, not empty. ``None`` where the
            whole text was.
    """

    spans: tuple[Span, ...]
    known_to: int | None = None

    def clipped(self, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        """Return `spans` (a prediction, say) as far as they lie in the annotated part of the text."""
        if self.known_to is None:
            return spans
        return tuple(
            Span(span.start, min(span.end, self.known_to), span.label) for span in spans if span.start < self.known_to
        )


def in_words(spans: Iterable[Span], text: str) -> str:
    """Return stretches of a text for people to read, such as ``[New York]LOC``."""
    return " ".join(f"[{text[span.start : span.end]}]{span.label}" for span in spans) or "none"


@dataclass(frozen=True, slots=True)
class Record:
    """One text with the annotations it carries.

    Attributes:
        text: The text, unchanged.
        annotations: By task name. A task that is not in here is unknown for this record: no target, no loss, no
            part in that task's metrics. That differs from an annotation that is there and empty.
        source: Where the record stood, for messages.
        second: A second text that is read together with the first, where there is one.
    """

    text: str
    annotations: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    second: str | None = None

    @property
    def texts(self) -> Text:
        """What the encoder reads."""
        return self.text if self.second is None else (self.text, self.second)
