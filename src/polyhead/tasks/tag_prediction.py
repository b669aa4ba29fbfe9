"""What a tagging task answers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from polyhead.records import Span
from polyhead.tasks.base import Prediction
from polyhead.tasks.entities import Entity


@dataclass(frozen=True)
class TagPrediction(Prediction):
    """The entities of a text, and the tags they come from.

    Attributes:
        entities: In the order of the text.
        words: The surface of each unit.
        tags: One BIO tag a unit.
    """

    entities: tuple[Entity, ...]
    words: tuple[str, ...]
    tags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return entities, words and tags."""
        entities = [entity.to_json() for entity in self.entities]
        return {"entities": entities, "words": list(self.words), "tags": list(self.tags)}

    def at_least(self, confidence: float) -> TagPrediction:
        """Return the entities that are sure enough, and their tags."""
        kept = [entity.score >= confidence for entity in self.entities]
        tags, at = [], -1
        for tag in self.tags:
            at += tag.startswith("B-")
            tags.append(tag if tag == "O" or kept[at] else "O")
        entities = tuple(entity for entity, is_kept in zip(self.entities, kept, strict=True) if is_kept)
        return dataclasses.replace(self, entities=entities, tags=tuple(tags))

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"NER Output: {list(self.tags)}"

    def highlights(self) -> tuple[Span, ...]:
        """Return the entities' places."""
        return tuple(entity.span for entity in self.entities)
