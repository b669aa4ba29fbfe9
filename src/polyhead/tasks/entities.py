"""Entities: what tagging and span classification both read and answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.labels import TagReader, spans_of_tags
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks.word_values import known_part, words_given


@dataclass
class TagColumn:
    """Reads a list of tags, one a whitespace word, into spans."""

    field: str
    tags: TagReader = dataclasses.field(default_factory=TagReader)

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Spans:
        """Return the spans; what lies behind the last tag is unknown. An empty list means: checked, and empty."""
        tags, words = words_given(value, text, self.field, source, notices, what="tags")
        spans = spans_of_tags(self.tags.check(tags, source), words)
        if not tags:
            return Spans(spans)
        return Spans(spans, known_part(tags, words, self.field, source, notices, what="tags"))

    def finish(self, notices: Notices) -> None:
        """Tell what broke the file's tag scheme."""
        self.tags.finish(notices)


def confidences_of(
    entities: Sequence[Entity], golds: Sequence[Span], found: Sequence[Span]
) -> list[tuple[float, bool]]:
    """Return how probable each entity was held that is to be judged, and whether it is right.

    Args:
        entities: All that the answer has.
        golds: Those that are right.
        found: The places of those that are to be judged; one that the annotated part cuts off is left out.
    """
    scores = {entity.span: entity.score for entity in entities}
    return [(scores[span], span in golds) for span in found if span in scores]


@dataclass(frozen=True)
class Entity:
    """An entity found in a text.

    Attributes:
        span: Where, and of which type.
        text: Its surface.
        score: How probable it is. Of tags: the product of their probabilities; with a CRF, their marginal.
    """

    span: Span
    text: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the entity as `predict --json` prints it."""
        place = {"start": self.span.start, "end": self.span.end, "label": self.span.label}
        return {**place, "text": self.text, "score": round(self.score, 6)}
