"""`tagging`: entities or slots, by a BIO tag for each unit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded, UnitKind
from polyhead.encoding.units import Units
from polyhead.errors import DataError
from polyhead.labels import LabelSet, allowed_transitions, spans_of_tags, tags_of_spans
from polyhead.metrics import EntityScorer
from polyhead.records import Span, Spans
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.chains import Chain, ChainScores
from polyhead.tasks.doubts import Doubt, doubts_of_entities
from polyhead.tasks.entities import Entity, confidences_of
from polyhead.tasks.head import IGNORE, Constraints, HeadSpec
from polyhead.tasks.numeric import log_softmax
from polyhead.tasks.options import check_known
from polyhead.tasks.restoring import types_of
from polyhead.tasks.span_values import EntityColumn
from polyhead.tasks.tag_paths import Stretched, fill_in, stretches, sure_of_tags
from polyhead.tasks.tag_prediction import TagPrediction
from polyhead.tasks.tagging_options import TaggingOptions

Probable = Callable[[Span], float]
"""How probable an entity is."""


@dataclass(frozen=True)
class Tagging(Task):
    """Entities by BIO tags, from the state of each unit's first piece.

    Attributes:
        types: The entity types.
        table: What a CRF learnt: shape (1 + tags, tags), the scores of first tags, then of steps from tag to tag.
    """

    types: LabelSet
    table: NDArray[np.float32] | None = dataclasses.field(default=None, compare=False, repr=False)

    kind: ClassVar[str] = "tagging"
    Options: ClassVar[type[TaskOptions]] = TaggingOptions
    metrics: ClassVar[tuple[str, ...]] = ("f1", "precision", "recall")

    @classmethod
    def column(cls, field: str, options: TaggingOptions) -> EntityColumn:  # noqa: ARG003
        """Make what reads a list of tags, or of entities."""
        return EntityColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: TaggingOptions, annotations: Sequence[Spans]
    ) -> Self:
        """Learn the entity types from the data."""
        types = LabelSet.observed(span.label for annotation in annotations for span in annotation.spans)
        if not len(types):
            raise DataError(f"task {name!r}: no entity in any of the {len(annotations)} records that carry {field!r}")
        check_known(options.class_weights or {}, ["O", *types], where=f"tasks.{name}.class_weights")
        return cls(name, field, weight, options, types)

    @property
    def unit(self) -> UnitKind:
        """What the head labels."""
        unit: UnitKind = "whitespace" if self.options.is_open else self.options.unit
        return unit

    @cached_property
    def tags(self) -> LabelSet:
        """The BIO tags: ``O``, then begin and inside of each type."""
        return LabelSet(("O", *(f"{prefix}-{label}" for label in self.types for prefix in "BI")))

    @cached_property
    def _allowed(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return allowed_transitions([str(tag) for tag in self.tags])

    @cached_property
    def _chain(self) -> Chain:
        """The scheme's constraints, with what a CRF learnt."""
        chain = Chain.of_constraints(*self._allowed)
        if self.table is None:
            return chain
        learnt = self.table.astype(np.float64)
        return Chain(chain.start + learnt[0], chain.step + learnt[1:])

    def head(self) -> HeadSpec:
        """One logit a tag, at every piece."""
        options, start_step = self.options, self._allowed
        weights = options.class_weights or {}
        of_tags = tuple(weights.get(str(tag)[2:] or "O", 1.0) for tag in self.tags)
        crf = options.decoder == "crf"
        return HeadSpec(
            reads="token",
            width=len(self.tags),
            objective="crf" if crf else "cross_entropy",
            unit=self.unit,
            layers=options.layers,
            hidden=options.hidden,
            class_weights=of_tags if weights else (),
            smoothing=options.label_smoothing,
            constraints=Constraints(tuple(start_step[0].tolist()), tuple(map(tuple, start_step[1].tolist())))
            if crf
            else None,
        )

    def with_table(self, table: NDArray[np.float32]) -> Self:
        """Return the task with a CRF's scores."""
        return dataclasses.replace(self, table=table)

    def outputs(self) -> list[Hashable]:
        """Return the tags."""
        return list(self.tags)

    def encode(self, annotation: Spans, encoded: Encoded) -> NDArray[np.int64]:
        """Return the tag of each unit; `IGNORE` for those without a piece and those behind the annotated part."""
        units = encoded.units(self.unit)
        places = np.flatnonzero(units.first_piece >= 0)
        target = np.full(len(units), IGNORE, dtype=np.int64)
        target[places] = [self.tags.index(tag) for tag in self._tags_at(places, annotation, units)]
        if annotation.known_to is not None:
            target[[start >= annotation.known_to for start, _ in units.extents]] = IGNORE
        return target

    @staticmethod
    def _tags_at(places: NDArray[np.int64], annotation: Spans, units: Units) -> list[str]:
        """Return the tags of the units that have a piece, as if there were no others: a head sees no others."""
        return tags_of_spans(annotation.spans, [units.extents[place] for place in places])

    def beyond(self, annotation: Spans, encoded: Encoded) -> Sequence[str]:
        """Name the entities that tags cannot say: those that share a unit, end inside one, or begin without a piece."""
        units = encoded.units(self.unit)
        places = np.flatnonzero(units.first_piece >= 0)
        tags = fill_in(self._tags_at(places, annotation, units), places, len(units))
        said = set(spans_of_tags(tags, units.extents))
        return [encoded.text[span.start : span.end] for span in annotation.spans if span not in said]

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> TagPrediction:
        """Return the best sequence that keeps the scheme, as spans of the text."""
        units = encoded.units(self.unit)
        scores = self._scores(logits)
        path = self._chain.best_path(scores)
        places = np.flatnonzero(units.first_piece >= 0)
        tags = fill_in([str(self.tags[int(tag)]) for tag in path], places, len(units))
        probable = self._probable(scores, places, units)
        entities = tuple(
            Entity(span, encoded.text[span.start : span.end], probable(span))
            for span in spans_of_tags(tags, units.extents)
        )
        return TagPrediction(entities, units.surfaces, tuple(tags))

    def decode_all(self, logits: Sequence[NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Prediction]:
        """Return what `decode` does for each text; all are searched together."""
        if not encoded:
            return []
        counts = [len(own) for own in logits]
        together = np.concatenate(logits)
        found = self._chain.best_paths(together, counts)
        sure = sure_of_tags(together, found, counts) if self.table is None else self._sure(logits, found, counts)
        path = found.tolist()
        answers: list[Prediction] = []
        at = 0
        for text, own, count, probable in zip(encoded, logits, counts, sure, strict=True):
            part, at = slice(at, at + count), at + count
            units = text.units(self.unit)
            said = count == len(units)  # else some units have no tag of their own
            answers.append(self._answer(text.text, units, path[part], probable) if said else self.decode(own, text))
        return answers

    def _sure(
        self, logits: Sequence[NDArray[np.float32]], found: NDArray[np.int64], counts: Sequence[int]
    ) -> Iterator[Stretched]:
        """Yield what `sure_of_tags` does, for a CRF; only texts with an entity need its sums, which take longest."""
        paths = np.split(found, np.cumsum(counts)[:-1])
        wanted = [at for at, path in enumerate(paths) if path.any()]
        summed = dict(zip(wanted, self._chain.sums([self._scores(logits[at]) for at in wanted]), strict=True))
        for at, path in enumerate(paths):
            yield partial(self._stretch, summed, at, path)

    def _stretch(
        self, summed: Mapping[int, ChainScores], at: int, path: NDArray[np.int64], first: int, behind: int
    ) -> float:
        return self._marginal(summed[at], first, path[first:behind])

    def _answer(self, text: str, units: Units, path: Sequence[int], probable: Stretched) -> TagPrediction:
        """Return the answer that a sequence of tags is, which keeps the scheme; each unit has one."""
        tags, extents = tuple([self._tag_names[tag] for tag in path]), units.extents
        entities = []
        for first, behind in stretches(path):
            start, end = extents[first][0], extents[behind - 1][1]
            entities.append(Entity(Span(start, end, tags[first][2:]), text[start:end], probable(first, behind)))
        return TagPrediction(tuple(entities), units.surfaces, tags)

    @cached_property
    def _tag_names(self) -> list[str]:
        return [str(tag) for tag in self.tags]

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:
        """Return how probable each tag is at each unit; with a CRF, its marginals."""
        units = encoded.units(self.unit)
        scores = self._scores(logits)
        soft = np.full((len(units), len(self.tags)), np.nan, dtype=np.float32)
        soft[units.first_piece >= 0] = (
            np.exp(scores) if self.table is None else ChainScores.of(self._chain, scores).marginals()
        )
        return soft

    def _scores(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the tags score: a CRF adds up logits, a linear head log-probabilities."""
        if not len(logits):
            return np.zeros((0, len(self.tags)))
        return log_softmax(logits) if self.table is None else logits.astype(np.float64)

    def _probable(self, scores: NDArray[np.float64], places: NDArray[np.int64], units: Units) -> Probable:
        """Return what says how probable an entity of the text is; 0 for one that tags cannot say."""
        summed = None if self.table is None or not len(scores) else ChainScores.of(self._chain, scores)
        first = {start: unit for unit, (start, _) in enumerate(units.extents)}
        last = {end: unit for unit, (_, end) in enumerate(units.extents)}

        def probable(span: Span) -> float:
            begin, end = first.get(span.start), last.get(span.end)
            if begin is None or end is None:
                return 0.0
            inside = np.flatnonzero((places >= begin) & (places <= end))
            tags = np.array([self.tags.index(f"{'I' if at else 'B'}-{span.label}") for at in range(len(inside))])
            if not len(tags):
                return 0.0
            if summed is None:
                return math.exp(sum(scores[inside, tags].tolist()))
            return self._marginal(summed, int(inside[0]), tags)

        return probable

    def _marginal(self, summed: ChainScores, first: int, tags: NDArray[np.int64]) -> float:
        """Return how probable an entity is with just this end: what goes on inside it is another one."""
        as_said = float(np.exp(summed.log_probability(first, tags)))
        if first + len(tags) == len(summed.scores):
            return as_said
        inside = self.tags.index("I-" + str(self.tags[int(tags[-1])])[2:])
        return max(0.0, as_said - float(np.exp(summed.log_probability(first, np.append(tags, inside)))))

    def scorer(self) -> EntityScorer:
        """Score entities in the annotated part."""
        return EntityScorer(self.entities)

    def entities(self, gold: Spans, prediction: TagPrediction) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Return the entities of the annotated part."""
        return gold.spans, gold.clipped(prediction.highlights())

    def annotated(self, annotation: Spans) -> tuple[Span, ...]:
        """Return the entities."""
        return annotation.spans

    def confidences(self, gold: Spans, prediction: TagPrediction) -> list[tuple[float, bool]]:
        """Return each entity's probability, and whether it is one."""
        return confidences_of(prediction.entities, *self.entities(gold, prediction))

    def doubts(self, annotation: Spans, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt for each entity that is annotated or found, and not both."""
        units = encoded.units(self.unit)
        probable = self._probable(self._scores(logits), np.flatnonzero(units.first_piece >= 0), units)
        pair = self.entities(annotation, self.decode(logits, encoded))
        return doubts_of_entities(encoded.text, *pair, probable)

    def is_right(self, gold: Spans, prediction: TagPrediction) -> bool:
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
    def restore(
        cls, *, name: str, field: str, weight: float, options: TaggingOptions, state: Mapping[str, Any]
    ) -> Self:
        """Make the task from a bundle's JSON."""
        return cls(name, field, weight, options, types_of(state["types"]))

    def describe(self) -> str:
        """Return the number of types and tags."""
        return f"{len(self.types)} entity types, {len(self.tags)} BIO tags on {self.unit} words" + (
            ", CRF" if self.options.decoder == "crf" else ""
        )

    def label_names(self) -> list[str]:
        """Return the entity types."""
        return [str(label) for label in self.types]
