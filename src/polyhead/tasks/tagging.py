"""`tagging`: entities or slots, by a BIO tag for each unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded, UnitKind
from polyhead.encoding.units import surfaces, words_of
from polyhead.errors import AnnotationError, DataError
from polyhead.formats.json_values import json_type
from polyhead.labels import LabelSet, TagReader, allowed_transitions, spans_of_tags, tags_of_spans
from polyhead.labels.tags import Extent
from polyhead.metrics.entities import entity_scores
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks.base import IGNORE, HeadSpec, Prediction, Scores, Task, TaskOptions
from polyhead.tasks.numeric import log_softmax
from polyhead.tasks.viterbi import best_path


class TaggingOptions(TaskOptions):
    """Settings of a tagging task."""

    unit: UnitKind = "whitespace"
    """What the head labels: ``whitespace`` words, or ``pretokenizer`` words (punctuation and ideographs apart)."""


@dataclass
class TagColumn:
    """Reads a list of tags, one a whitespace word, into spans."""

    field: str
    _tags: TagReader = dataclasses.field(default_factory=TagReader)

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Spans:
        """Return the spans; what lies behind the last tag is unknown. An empty list means: checked, and empty."""
        if not isinstance(value, list):
            raise AnnotationError(f"tags must be a list with one for each word, found {json_type(value)}")
        words = words_of(text)
        if len(value) > len(words):
            raise AnnotationError(f"{len(value)} tags for {len(words)} words{_blank_words(value, text)}")
        spans = spans_of_tags(self._tags.check(value, source), words)
        if not value or len(value) == len(words):
            return Spans(spans)
        rule = f"{{records have|record has}} fewer tags than words in {self.field!r}"
        notices.add(
            f"{rule} (words behind the last tag are unknown)", source, f"{len(value)} tags for {len(words)} words"
        )
        return Spans(spans, known_to=words[len(value) - 1][1])

    def finish(self, notices: Notices) -> None:
        """Tell what broke the file's tag scheme."""
        self._tags.finish(notices)


def _blank_words(tags: Sequence[object], text: str) -> str:
    blanks = sum(1 for word in text.split(" ") if not word.strip())
    if blanks and len(text.split(" ")) == len(tags):
        return f"; {blanks} of the tags stand for blank words between two spaces: remove those spaces and tags"
    return ""


@dataclass(frozen=True)
class Entity:
    """An entity found in a text.

    Attributes:
        span: Where, and of which type.
        text: Its surface.
        score: Product of the probabilities of its tags.
    """

    span: Span
    text: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the entity as `predict --json` prints it."""
        place = {"start": self.span.start, "end": self.span.end, "label": self.span.label}
        return {**place, "text": self.text, "score": round(self.score, 6)}


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

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"NER Output: {list(self.tags)}"

    def highlights(self) -> tuple[Span, ...]:
        """Return the entities' places."""
        return tuple(entity.span for entity in self.entities)


@dataclass(frozen=True)
class Tagging(Task):
    """Entities by BIO tags, from a linear layer on the state of each unit's first piece.

    Attributes:
        types: The entity types.
        unit: What the head labels.
    """

    types: LabelSet
    unit: UnitKind = "whitespace"

    kind: ClassVar[str] = "tagging"
    Options: ClassVar[type[TaskOptions]] = TaggingOptions
    main_metric: ClassVar[str] = "f1"

    @classmethod
    def column(cls, field: str) -> TagColumn:
        """Make what reads a list of tags."""
        return TagColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: Mapping[str, Any], annotations: Sequence[Spans]
    ) -> Self:
        """Learn the entity types from the data."""
        types = LabelSet.observed(span.label for annotation in annotations for span in annotation.spans)
        if not len(types):
            raise DataError(f"task {name!r}: no entity in any of the {len(annotations)} records that carry {field!r}")
        return cls(name, field, weight, types, options["unit"])

    @cached_property
    def tags(self) -> LabelSet:
        """The BIO tags: ``O``, then begin and inside of each type."""
        return LabelSet(("O", *(f"{prefix}-{label}" for label in self.types for prefix in "BI")))

    @cached_property
    def _transitions(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return allowed_transitions([str(tag) for tag in self.tags])

    def head(self) -> HeadSpec:
        """One logit a tag, at every piece."""
        return HeadSpec(reads="token", width=len(self.tags), unit=self.unit)

    def encode(self, annotation: Spans, encoded: Encoded) -> NDArray[np.int64]:
        """Return the tag of each unit; `IGNORE` for units that lie behind the annotated part."""
        extents = encoded.units(self.unit).extents
        target = np.array([self.tags.index(tag) for tag in tags_of_spans(annotation.spans, extents)], dtype=np.int64)
        if annotation.known_to is not None:
            target[[start >= annotation.known_to for start, _ in extents]] = IGNORE
        return target

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> TagPrediction:
        """Return the best sequence that keeps the scheme, as spans of the text."""
        units = encoded.units(self.unit)
        log_probabilities = log_softmax(logits) if len(logits) else np.zeros((0, len(self.tags)))
        path = best_path(log_probabilities, *self._transitions)
        chosen = log_probabilities[np.arange(len(path)), path]
        tags, scores = self._fill_in([str(self.tags[int(tag)]) for tag in path], chosen, units.first_piece >= 0)
        entities = self._entities(encoded.text, spans_of_tags(tags, units.extents), scores, units.extents)
        return TagPrediction(entities, tuple(surfaces(encoded.text, units.extents)), tuple(tags))

    @staticmethod
    def _entities(
        text: str, spans: Sequence[Span], log_scores: NDArray[np.float64], extents: Sequence[Extent]
    ) -> tuple[Entity, ...]:
        first = {start: unit for unit, (start, _) in enumerate(extents)}
        last = {end: unit for unit, (_, end) in enumerate(extents)}
        return tuple(
            Entity(
                span,
                text[span.start : span.end],
                float(np.exp(log_scores[first[span.start] : last[span.end] + 1].sum())),
            )
            for span in spans
        )

    def _fill_in(
        self, tags: Sequence[str], scores: NDArray[np.float64], has_piece: NDArray[np.bool_]
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Give units without a piece the tag that keeps an entity around them whole, else ``O``."""
        all_tags, all_scores = ["O"] * len(has_piece), np.zeros(len(has_piece))
        places = np.flatnonzero(has_piece)
        for place, tag, score in zip(places, tags, scores, strict=True):
            all_tags[place], all_scores[place] = tag, score
        for before, after in pairwise(places):
            if all_tags[after].startswith("I-"):
                all_tags[before + 1 : after] = [all_tags[after]] * (after - before - 1)
        return all_tags, all_scores

    def score(self, golds: Sequence[Spans], predictions: Sequence[TagPrediction]) -> Scores:
        """Return exact-match entity precision, recall and F1, micro and per type."""
        found = [gold.clipped(prediction.highlights()) for gold, prediction in zip(golds, predictions, strict=True)]
        return entity_scores([gold.spans for gold in golds], found)

    def is_right(self, gold: Spans, prediction: TagPrediction) -> bool:
        """Whether all entities, and no other, were found in the annotated part."""
        return gold.spans == gold.clipped(prediction.highlights())

    def labels_in(self, annotation: Spans) -> frozenset[Hashable]:
        """Return the entity types."""
        return frozenset(span.label for span in annotation.spans)

    def state(self) -> dict[str, Any]:
        """Return the entity types and the unit."""
        return {"types": list(self.types), "unit": self.unit}

    @classmethod
    def restore(cls, *, name: str, field: str, weight: float, state: Mapping[str, Any]) -> Self:
        """Make the task from a bundle's JSON."""
        return cls(name, field, weight, LabelSet(tuple(state["types"])), state["unit"])

    def describe(self) -> str:
        """Return the number of types and tags."""
        return f"{len(self.types)} entity types, {len(self.tags)} BIO tags on {self.unit} words"

    def label_names(self) -> list[str]:
        """Return the entity types."""
        return [str(label) for label in self.types]
