"""`spans`: entities that may overlap, by a yes or no for each stretch of text and each type."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyhead.encoding import Encoded, UnitKind
from polyhead.encoding.units import Units
from polyhead.errors import DataError
from polyhead.labels import LabelSet
from polyhead.metrics import EntityScorer
from polyhead.records import Span, Spans
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.doubts import Doubt, doubts_of_entities
from polyhead.tasks.entities import Entity, confidences_of
from polyhead.tasks.head import IGNORE, HeadSpec
from polyhead.tasks.options import HeadOptions, check_known
from polyhead.tasks.overlaps import Overlap, settle, side_by_side
from polyhead.tasks.restoring import types_of
from polyhead.tasks.span_values import SpanColumn
from polyhead.tasks.yes_no import probabilities

_BIAS = -4.0
"""What logits begin with: hardly any stretch is an entity."""


@dataclass(frozen=True)
class SpansPrediction(Prediction):
    """The entities of a text, which may overlap.

    Attributes:
        entities: In the order of the text.
    """

    entities: tuple[Entity, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """The entities' places."""
        return tuple(entity.span for entity in self.entities)

    def to_json(self) -> dict[str, Any]:
        """Return the entities."""
        return {"entities": [entity.to_json() for entity in self.entities]}

    def at_least(self, confidence: float) -> SpansPrediction:
        """Return the entities that are sure enough."""
        return SpansPrediction(tuple(own for own in self.entities if own.score >= confidence))

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Spans: {[(entity.text, entity.span.label) for entity in self.entities]}"

    def summary(self) -> str:
        """Return all entities in words where some overlap, which cannot be drawn."""
        if len(self.highlights()) == len(self.entities):
            return ""
        return ", ".join(
            f"{' '.join(entity.text.split())} {entity.span.label} {entity.score:.2f}" for entity in self.entities
        )

    def highlights(self) -> tuple[Span, ...]:
        """Return the places of entities that stand side by side; of those that overlap, one."""
        return side_by_side(self.entities)


class SpansOptions(HeadOptions):
    """Settings of a task of spans."""

    unit: UnitKind = "pretokenizer"
    """What spans begin and end at: ``whitespace`` words, or ``pretokenizer`` words (punctuation and ideographs
    apart)."""
    max_width: int = Field(default=16, ge=1)
    """The widest span, in pieces of the tokenizer from the first piece of its first word to the first piece of its
    last."""
    overlap: Overlap = "any"
    """``any``: every span that is probable enough is answered. ``nested``: one may contain another but not cross it.
    ``none``: no two share a character. Of two that may not stand together, the more probable one does."""
    threshold: float = Field(default=0.5, gt=0.0, lt=1.0)
    """How probable a span must be to be answered."""
    class_weights: dict[str, Annotated[float, Field(ge=0.0)]] | None = None
    """Weight in the loss, by entity type, of stretches that are such an entity against those that are none; 1 where not
    named."""


@dataclass(frozen=True)
class SpanClassification(Task):
    """Entities that may overlap, from the states of their first and last word.

    Attributes:
        types: The entity types.
    """

    types: LabelSet

    kind: ClassVar[str] = "spans"
    Options: ClassVar[type[TaskOptions]] = SpansOptions
    metrics: ClassVar[tuple[str, ...]] = ("f1", "precision", "recall")

    @classmethod
    def column(cls, field: str, options: SpansOptions) -> SpanColumn:  # noqa: ARG003
        """Make what reads spans."""
        return SpanColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: SpansOptions, annotations: Sequence[Spans]
    ) -> Self:
        """Learn the entity types from the data."""
        types = LabelSet.observed(span.label for annotation in annotations for span in annotation.spans)
        if not len(types):
            raise DataError(f"task {name!r}: no span in any of the {len(annotations)} records that carry {field!r}")
        check_known(options.class_weights or {}, types, where=f"tasks.{name}.class_weights")
        return cls(name, field, weight, options, types)

    @property
    def unit(self) -> UnitKind:
        """What spans begin and end at."""
        unit: UnitKind = self.options.unit
        return unit

    @property
    def _shape(self) -> tuple[int, int]:
        """Shape of the logits of one unit: by how wide the stretch is, less one piece, and its type."""
        return self.options.max_width, len(self.types)

    def head(self) -> HeadSpec:
        """At every piece, a logit for each stretch that begins there and each type."""
        options = self.options
        weights = options.class_weights or {}
        of_types = tuple(weights.get(str(label), 1.0) for label in self.types)
        return HeadSpec(
            reads="span",
            width=options.max_width * len(self.types),
            objective="binary_cross_entropy",
            unit=self.unit,
            target=self._shape,
            layers=options.layers,
            hidden=options.hidden,
            bias=_BIAS,
            class_weights=of_types * options.max_width if weights else (),
            span_pieces=options.max_width,
        )

    def outputs(self) -> list[Hashable]:
        """Return how much wider than one piece a stretch is, and its type."""
        return [(more, label) for more in range(self.options.max_width) for label in self.types]

    def encode(self, annotation: Spans, encoded: Encoded) -> NDArray[np.int8]:
        """Return, for each stretch and type, 1 where it is such an entity, else 0.

        It is `IGNORE` where there is no such stretch, and for stretches that leave the annotated part.
        """
        units = encoded.units(self.unit)
        lasts = self._last_units(units)
        known = lasts >= 0
        if annotation.known_to is not None:
            known &= np.array([end for _, end in units.extents], dtype=np.int64)[lasts] <= annotation.known_to
        target = np.full((len(units), *self._shape), IGNORE, dtype=np.int8)  # many for each word, so small ones
        target[known] = 0
        for span, place in zip(annotation.spans, self._places(annotation.spans, units), strict=True):
            if place:
                target[(*place, self.types.index(span.label))] = 1
        return target

    def beyond(self, annotation: Spans, encoded: Encoded) -> Sequence[str]:
        """Name the spans that do not begin and end at words which the tokenizer left, and those that are too wide."""
        places = self._places(annotation.spans, encoded.units(self.unit))
        return [
            encoded.text[span.start : span.end]
            for span, place in zip(annotation.spans, places, strict=True)
            if place is None
        ]

    def _last_units(self, units: Units) -> NDArray[np.int64]:
        """Return, shape (units, widest stretch), where each stretch ends, by its first unit and its width.

        A stretch that is so many pieces wide, from its first unit's first piece to its last unit's, there is only where
        a unit begins with that last piece; -1 elsewhere.
        """
        widest: int = self.options.max_width
        places = np.flatnonzero(units.first_piece >= 0)
        firsts = units.first_piece[places]
        unit_of_piece = np.full(int(firsts.max(initial=0)) + widest, -1, dtype=np.int64)
        unit_of_piece[firsts] = places
        lasts = np.full((len(units), widest), -1, dtype=np.int64)
        lasts[places] = unit_of_piece[firsts[:, None] + np.arange(widest)]
        return lasts

    def _places(self, spans: Sequence[Span], units: Units) -> list[tuple[int, int] | None]:
        """Return each span's first unit and how much wider than one piece it is; `None` for one beyond the head."""
        first_at = {start: unit for unit, (start, _) in enumerate(units.extents)}
        last_at = {end: unit for unit, (_, end) in enumerate(units.extents)}
        return [self._place(first_at.get(span.start), last_at.get(span.end), units) for span in spans]

    def _place(self, first: int | None, last: int | None, units: Units) -> tuple[int, int] | None:
        if first is None or last is None or min(units.first_piece[first], units.first_piece[last]) < 0:
            return None
        more = int(units.first_piece[last] - units.first_piece[first])
        return (first, more) if more < self.options.max_width else None

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> SpansPrediction:
        """Return the entities that are probable enough and may stand together."""
        scores = self._scores(logits, encoded)
        units = encoded.units(self.unit)
        lasts = self._last_units(units)
        found = []
        for first, more, label in np.argwhere(scores >= self.options.threshold).tolist():
            start, end = units.extents[first][0], units.extents[lasts[first, more]][1]
            span = Span(start, end, str(self.types[label]))
            found.append(Entity(span, encoded.text[start:end], float(scores[first, more, label])))
        return SpansPrediction(settle(found, self.options.overlap))

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:
        """Return how probable each stretch is as an entity of each type; NaN where there is no such stretch."""
        scores = self._scores(logits, encoded).astype(np.float32)
        return scores.reshape(len(scores), self.head().width)

    def _scores(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float64]:
        """Return probabilities, shape (units, widest stretch, types), and NaN for what is no stretch."""
        units = encoded.units(self.unit)
        scores = np.full((len(units), *self._shape), np.nan)
        scores[units.first_piece >= 0] = probabilities(logits).reshape(-1, *self._shape)
        scores[self._last_units(units) < 0] = np.nan
        return scores

    def scorer(self) -> EntityScorer:
        """Score entities in the annotated part."""
        return EntityScorer(self.entities)

    def entities(self, gold: Spans, prediction: SpansPrediction) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Return the entities of the annotated part; at its end two spans can become one."""
        return gold.spans, tuple(sorted(set(gold.clipped(prediction.spans))))

    def annotated(self, annotation: Spans) -> tuple[Span, ...]:
        """Return the entities."""
        return annotation.spans

    def confidences(self, gold: Spans, prediction: SpansPrediction) -> list[tuple[float, bool]]:
        """Return each entity's probability, and whether it is one."""
        return confidences_of(prediction.entities, *self.entities(gold, prediction))

    def doubts(self, annotation: Spans, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt for each entity that is annotated or found, and not both."""
        units, scores = encoded.units(self.unit), self._scores(logits, encoded)

        def probable(span: Span) -> float:
            (place,) = self._places([span], units)
            return 0.0 if place is None else float(scores[(*place, self.types.index(span.label))])

        pair = self.entities(annotation, self.decode(logits, encoded))
        return doubts_of_entities(encoded.text, *pair, probable)

    def is_right(self, gold: Spans, prediction: SpansPrediction) -> bool:
        """Whether all entities, and no other, were found in the annotated part."""
        golds, found = self.entities(gold, prediction)
        return golds == found

    def labels_in(self, annotation: Spans) -> frozenset[Hashable]:
        """Return the entity types."""
        return frozenset(span.label for span in annotation.spans)

    def state(self) -> dict[str, Any]:
        """Return the entity types."""
        return {"types": list(self.types)}

    @classmethod
    def restore(cls, *, name: str, field: str, weight: float, options: SpansOptions, state: Mapping[str, Any]) -> Self:
        """Make the task from a bundle's JSON."""
        return cls(name, field, weight, options, types_of(state["types"]))

    def describe(self) -> str:
        """Return the number of types, and what a span may be."""
        options = self.options
        overlap = {"any": "may overlap", "nested": "may be nested", "none": "do not overlap"}[options.overlap]
        return f"{len(self.types)} entity types, spans of {self.unit} words up to {options.max_width} pieces, {overlap}"

    def label_names(self) -> list[str]:
        """Return the entity types."""
        return [str(label) for label in self.types]
