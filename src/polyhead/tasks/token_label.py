"""`token_label`: a label for every word, such as its part of speech."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyhead.encoding import Encoded, UnitKind
from polyhead.errors import AnnotationError
from polyhead.labels import LabelSet
from polyhead.metrics import Choice, ClassScorer
from polyhead.notices import Notices
from polyhead.records import Label, Source, Span, Spans
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.doubts import Doubt
from polyhead.tasks.head import IGNORE, HeadSpec
from polyhead.tasks.numeric import log_softmax
from polyhead.tasks.options import ClassWeights, HeadOptions, weights_of_classes
from polyhead.tasks.restoring import labels_of, numbers_of
from polyhead.tasks.word_values import known_part, words_given


@dataclass(frozen=True)
class WordLabelColumn:
    """Reads a list of labels, one a whitespace word."""

    field: str

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Spans:
        """Return a span for each word that has a label; null, and what lies behind the last label, is unknown."""
        labels, words = words_given(value, text, self.field, source, notices, what="labels")
        for position, label in enumerate(labels, start=1):
            if label is not None and not (isinstance(label, str) and label):
                raise AnnotationError(
                    f"label {position} must be a string, or null where the word's label is unknown, found {label!r}"
                )
        spans = tuple(
            Span(start, end, label) for label, (start, end) in zip(labels, words, strict=False) if label is not None
        )
        if not spans:
            raise AnnotationError("no word has a label; leave the field out where the labels are unknown")
        return Spans(spans, known_part(labels, words, self.field, source, notices, what="labels"))

    def finish(self, notices: Notices) -> None:
        """Nothing is known only after the whole file."""


@dataclass(frozen=True)
class WordLabelsPrediction(Prediction):
    """A label for each unit of a text.

    Attributes:
        words: The surface of each unit.
        labels: Its label; `None` where the tokenizer left nothing of it.
        scores: How probable the model holds the label; `None` where there is none.
        starts: The first character of each unit.
    """

    words: tuple[str, ...]
    labels: tuple[str | None, ...]
    scores: tuple[float | None, ...]
    starts: tuple[int, ...]

    @cached_property
    def by_start(self) -> dict[int, str | None]:
        """The label of the unit that begins at a character."""
        return dict(zip(self.starts, self.labels, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return words, labels and scores."""
        scores = [None if score is None else round(score, 6) for score in self.scores]
        return {"words": list(self.words), "labels": list(self.labels), "scores": scores}

    def at_least(self, confidence: float) -> WordLabelsPrediction:
        """Return the answer, without the labels that are not sure enough."""
        pairs = zip(self.labels, self.scores, strict=True)
        labels = tuple(label if score is not None and score >= confidence else None for label, score in pairs)
        return dataclasses.replace(self, labels=labels)

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Labels: {list(self.labels)}"

    def summary(self) -> str:
        """Return the words with their labels for a person."""
        pairs = zip(self.words, self.labels, strict=True)
        return " ".join(word if label is None else f"{word}/{label}" for word, label in pairs)


class TokenLabelOptions(HeadOptions):
    """Settings of a token-label task."""

    unit: UnitKind = "whitespace"
    """What the head labels: ``whitespace`` words, or ``pretokenizer`` words (punctuation and ideographs apart)."""
    class_weights: ClassWeights | None = None
    """Weight of each label in the loss: ``"balanced"``, or a table from label to weight."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a target that is spread over all labels (Szegedy et al. 2016)."""


@dataclass(frozen=True)
class TokenLabel(Task):
    """A label for every word, from the state of its first piece.

    Attributes:
        labels: The labels.
        class_weights: Their weights in the loss; empty where all weigh 1.
    """

    labels: LabelSet
    class_weights: tuple[float, ...] = ()

    kind: ClassVar[str] = "token_label"
    Options: ClassVar[type[TaskOptions]] = TokenLabelOptions
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    @classmethod
    def column(cls, field: str, options: TokenLabelOptions) -> WordLabelColumn:  # noqa: ARG003
        """Make what reads a list of labels."""
        return WordLabelColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: TokenLabelOptions, annotations: Sequence[Spans]
    ) -> Self:
        """Learn the labels from the data."""
        shown: Counter[Label] = Counter(span.label for annotation in annotations for span in annotation.spans)
        labels = LabelSet.observed(shown)
        where = f"tasks.{name}.class_weights"
        return cls(
            name, field, weight, options, labels, weights_of_classes(options.class_weights, labels, shown, where=where)
        )

    @property
    def unit(self) -> UnitKind:
        """What the head labels."""
        unit: UnitKind = self.options.unit
        return unit

    def head(self) -> HeadSpec:
        """One logit a label, at every piece."""
        options = self.options
        return HeadSpec(
            reads="token",
            width=len(self.labels),
            unit=self.unit,
            layers=options.layers,
            hidden=options.hidden,
            class_weights=self.class_weights,
            smoothing=options.label_smoothing,
        )

    def outputs(self) -> list[Hashable]:
        """Return the labels."""
        return list(self.labels)

    def encode(self, annotation: Spans, encoded: Encoded) -> NDArray[np.int64]:
        """Return, for each unit, the label of the word that it begins in; `IGNORE` where that is unknown."""
        starts = np.array([start for start, _ in encoded.units(self.unit).extents], dtype=np.int64)
        target = np.full(len(starts), IGNORE, dtype=np.int64)
        for span in annotation.spans:
            first, behind = np.searchsorted(starts, [span.start, span.end])
            target[first:behind] = self.labels.index(span.label)
        return target

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> WordLabelsPrediction:
        """Return the most probable label of each unit."""
        units = encoded.units(self.unit)
        labels: list[str | None] = [None] * len(units)
        scores: list[float | None] = [None] * len(units)
        shares = np.exp(log_softmax(logits))
        for place, own in zip(np.flatnonzero(units.first_piece >= 0), shares, strict=True):
            best = int(own.argmax())
            labels[place], scores[place] = str(self.labels[best]), float(own[best])
        starts = tuple(start for start, _ in units.extents)
        return WordLabelsPrediction(units.surfaces, tuple(labels), tuple(scores), starts)

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:
        """Return how probable each label is at each unit."""
        units = encoded.units(self.unit)
        soft = np.full((len(units), len(self.labels)), np.nan, dtype=np.float32)
        soft[units.first_piece >= 0] = np.exp(log_softmax(logits))
        return soft

    def scorer(self) -> ClassScorer:
        """Score the words whose label is known; a word without an answer is missed."""
        return ClassScorer(_choices)

    def confidences(self, gold: Spans, prediction: WordLabelsPrediction) -> list[tuple[float, bool]]:
        """Return the probability of each answer for a word whose label is known, and whether it is right."""
        scores = dict(zip(prediction.starts, prediction.scores, strict=True))
        by_start = prediction.by_start
        known = [(scores.get(span.start), by_start.get(span.start) == span.label) for span in gold.spans]
        return [(score, is_right) for score, is_right in known if score is not None]

    def doubts(self, annotation: Spans, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt for each word whose label is known and another one is answered."""
        units, soft = encoded.units(self.unit), self.soften(logits, encoded)
        unit_at = {start: unit for unit, (start, _) in enumerate(units.extents) if units.first_piece[unit] >= 0}
        doubts = []
        for span in annotation.spans:
            if (unit := unit_at.get(span.start)) is None:
                continue
            own = soft[unit]
            best, score = str(self.labels[int(own.argmax())]), float(own.max() - own[self.labels.index(span.label)])
            word = encoded.text[span.start : span.end]
            if score > 0:
                doubts.append(Doubt(score, f"{word}/{span.label}", f"{word}/{best}", (span.start, span.end)))
        return doubts

    def is_right(self, gold: Spans, prediction: WordLabelsPrediction) -> bool:
        """Whether all words whose label is known have it."""
        return all(prediction.by_start.get(span.start) == span.label for span in gold.spans)

    def in_words(self, annotation: Spans, text: str) -> str:
        """Return the words whose label is known, as `WordLabelsPrediction.summary` writes them."""
        return " ".join(f"{text[span.start : span.end]}/{span.label}" for span in annotation.spans)

    def labels_in(self, annotation: Spans) -> frozenset[Hashable]:
        """Return the labels."""
        return frozenset(span.label for span in annotation.spans)

    def state(self) -> dict[str, Any]:
        """Return the labels."""
        return {"labels": list(self.labels), "class_weights": list(self.class_weights)}

    @classmethod
    def restore(
        cls, *, name: str, field: str, weight: float, options: TokenLabelOptions, state: Mapping[str, Any]
    ) -> Self:
        """Make the task from a bundle's JSON."""
        labels = labels_of(state["labels"])
        weights = numbers_of(state["class_weights"], counts=(0, len(labels)))
        return cls(name, field, weight, options, labels, weights)

    def describe(self) -> str:
        """Return the number of labels."""
        return f"{len(self.labels)} labels of {self.unit} words"

    def label_names(self) -> list[str]:
        """Return the labels."""
        return [str(label) for label in self.labels]


def _choices(gold: Spans, prediction: WordLabelsPrediction) -> list[Choice]:
    return [Choice(span.label, prediction.by_start.get(span.start)) for span in gold.spans]
