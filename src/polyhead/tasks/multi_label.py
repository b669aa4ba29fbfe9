"""`multi_label`: any number of classes for a text."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError, DataError
from polyhead.formats.json_values import json_type
from polyhead.labels import LabelSet
from polyhead.metrics import LabelSetScorer
from polyhead.notices import Notices
from polyhead.records import Label, Source
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.doubts import Doubt, doubts_of_whole
from polyhead.tasks.head import HeadSpec
from polyhead.tasks.labels_prediction import LabelsPrediction
from polyhead.tasks.options import ClassWeights, SentenceOptions, weights_of_classes
from polyhead.tasks.ranking import with_best_classes
from polyhead.tasks.restoring import labels_of, number_of, numbers_of
from polyhead.tasks.yes_no import best_threshold, probabilities

_MOST_WEIGHT = 10.0
"""The most that ``balanced`` gives to a rare class, and the inverse of the least that it gives to a common one."""
_FEWEST = 5
"""With fewer dev texts that show it than this, a class keeps the threshold of all."""


@dataclass(frozen=True)
class LabelsColumn:
    """Reads a list of labels, or a string that holds several."""

    field: str
    separator: str | None = None

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> frozenset[Label]:  # noqa: ARG002
        """Return the labels as the data wrote them. An empty list, or string, means: checked, and none fits."""
        if isinstance(value, str):
            if self.separator is None:
                raise AnnotationError(
                    f"labels must be a list, found the string {value!r}; if it holds labels with a sign between them, "
                    f"set the task's 'separator'"
                )
            value = value.split(self.separator) if value else []
        if not isinstance(value, list):
            raise AnnotationError(f"labels must be a list of integers or strings, found {json_type(value)}")
        seen: set[Label] = set()
        for position, label in enumerate(value, start=1):
            if isinstance(label, bool) or not isinstance(label, int | str):
                raise AnnotationError(f"label {position} must be an integer or a string, found {label!r}")
            if label == "":
                raise AnnotationError(f"label {position} of {value!r} is empty; leave it out")
            if label in seen:
                raise AnnotationError(f"label {label!r} is there twice; remove one")
            seen.add(label)
        return frozenset(seen)

    def finish(self, notices: Notices) -> None:
        """Nothing is known only after the whole file."""


class MultiLabelOptions(SentenceOptions):
    """Settings of a multi-label task."""

    reading: ClassVar[frozenset[str]] = frozenset({"separator"})

    separator: str | None = Field(default=None, min_length=1)
    """What stands between the labels where the field holds them in one string: ``#`` for ``"sports#health"``."""
    thresholds: Literal["tuned"] | float = "tuned"
    """How probable a label must be to be answered. ``tuned``: what gives the best F1 on dev, for each label that dev
    shows often enough; 0.5 without dev data. Or a number between 0 and 1, for all labels."""
    class_weights: ClassWeights | None = None
    """Weight in the loss of a label that fits, against one that does not: ``"balanced"``, by how much rarer the former
    is (10 at most), or a table from label to weight."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a target that is spread over yes and no (Szegedy et al. 2016)."""

    @field_validator("thresholds", mode="before")
    @classmethod
    def _tuned_or_between(cls, value: Any) -> Any:
        if value != "tuned" and not (isinstance(value, int | float) and 0 < value < 1):
            raise ValueError("must be 'tuned' or a number between 0 and 1")
        return value


@dataclass(frozen=True)
class MultiLabel(Task):
    """Any number of classes for a text, each a yes or a no of its own.

    Attributes:
        labels: The classes.
        thresholds: How probable each must be to be answered.
        class_weights: The weight of each one's yes in the loss; empty where all weigh 1.
        bias: What the bias of the logits begins with: most classes do not fit most texts.
    """

    labels: LabelSet
    thresholds: tuple[float, ...]
    class_weights: tuple[float, ...] = ()
    bias: float = 0.0

    kind: ClassVar[str] = "multi_label"
    Options: ClassVar[type[TaskOptions]] = MultiLabelOptions
    metrics: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1", "accuracy")

    @classmethod
    def column(cls, field: str, options: MultiLabelOptions) -> LabelsColumn:
        """Make what reads labels."""
        return LabelsColumn(field, options.separator)

    @classmethod
    def learn(
        cls,
        *,
        name: str,
        field: str,
        weight: float,
        options: MultiLabelOptions,
        annotations: Sequence[frozenset[Label]],
    ) -> Self:
        """Learn the classes from the data."""
        shown = Counter(label for annotation in annotations for label in annotation)
        labels = LabelSet.observed(shown)
        if not len(labels):
            raise DataError(f"task {name!r}: no label in any of the {len(annotations)} records that carry {field!r}")
        share = min(max(shown.total() / (len(annotations) * len(labels)), 0.001), 0.5)
        start = 0.5 if options.thresholds == "tuned" else float(options.thresholds)
        return cls(
            name,
            field,
            weight,
            options,
            labels,
            thresholds=(start,) * len(labels),
            class_weights=_weights(options.class_weights, labels, shown, len(annotations), f"tasks.{name}"),
            bias=round(math.log(share / (1 - share)), 4),
        )

    def head(self) -> HeadSpec:
        """One logit a class."""
        options = self.options
        return HeadSpec(
            reads="sentence",
            width=len(self.labels),
            objective="binary_cross_entropy",
            target=(len(self.labels),),
            pooling=options.pooling,
            layers=options.layers,
            hidden=options.hidden,
            bias=self.bias,
            class_weights=self.class_weights,
            smoothing=options.label_smoothing,
        )

    def outputs(self) -> list[Hashable]:
        """Return the classes."""
        return list(self.labels)

    def encode(self, annotation: frozenset[Label], encoded: Encoded) -> NDArray[np.int64]:  # noqa: ARG002
        """Return, for each class, 1 where it fits, else 0."""
        target = np.zeros(len(self.labels), dtype=np.int64)
        target[[self.labels.index(label) for label in annotation]] = 1
        return target

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> LabelsPrediction:
        """Return the classes that are probable enough on average over the text's windows."""
        shares = self.soften(logits, encoded)
        scores = shares.astype(np.float64)  # as precise as thresholds, which lie in narrow gaps
        found = [at for at in np.argsort(-scores, kind="stable") if scores[at] >= self.thresholds[at]]
        labels, own = tuple(self.labels[at] for at in found), tuple(float(scores[at]) for at in found)
        return LabelsPrediction(labels, own, shares)

    def ranked(self, predictions: Sequence[Any], count: int) -> list[Prediction]:
        """Return the answers with the most probable classes, also those that do not reach their thresholds."""
        return with_best_classes(self.labels, predictions, count)

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the classes' probabilities, averaged over the text's windows."""
        shares: NDArray[np.float32] = probabilities(logits).mean(axis=0).astype(np.float32)
        return shares

    def tune(
        self,
        golds: Sequence[frozenset[Label]],
        logits: Sequence[NDArray[np.float32]],
        encoded: Sequence[Encoded],
    ) -> Self:
        """Choose thresholds: the one for all that gives the best micro F1, then the best of each class on its own."""
        if not golds or self.options.thresholds != "tuned":
            return self
        scores = np.stack([self.soften(*text) for text in zip(logits, encoded, strict=True)])
        wanted = np.array([[label in gold for label in self.labels] for gold in golds])
        of_all = best_threshold(scores.ravel(), wanted.ravel(), near=0.5)
        thresholds = tuple(
            best_threshold(own, gold, near=of_all) if gold.sum() >= _FEWEST else of_all
            for own, gold in zip(scores.T, wanted.T, strict=True)
        )
        return dataclasses.replace(self, thresholds=thresholds)

    def scorer(self) -> LabelSetScorer:
        """Return micro and macro F1, and the share of texts whose labels are all right."""
        return LabelSetScorer(lambda prediction: frozenset(prediction.labels))

    def confidences(self, gold: frozenset[Label], prediction: LabelsPrediction) -> list[tuple[float, bool]]:
        """Return each found class's probability, and whether it fits."""
        return [(score, label in gold) for label, score in zip(prediction.labels, prediction.scores, strict=True)]

    def doubts(self, annotation: frozenset[Label], logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt where other classes are answered, by the one that is most clearly so."""

        def say(answer: LabelsPrediction) -> str:
            return self.in_words(frozenset(answer.labels), encoded.text)

        return doubts_of_whole(self, annotation, logits, encoded, say=say)

    def is_right(self, gold: frozenset[Label], prediction: LabelsPrediction) -> bool:
        """Whether the classes are the right ones, all and no other."""
        return gold == frozenset(prediction.labels)

    def in_words(self, annotation: frozenset[Label], text: str) -> str:  # noqa: ARG002
        """Return the labels for people to read."""
        return ", ".join(sorted(map(str, annotation))) or "none"

    def labels_in(self, annotation: frozenset[Label]) -> frozenset[Hashable]:
        """Return the classes."""
        return frozenset(annotation)

    def state(self) -> dict[str, Any]:
        """Return the classes, with what was worked out for them."""
        return {
            "labels": list(self.labels),
            "thresholds": list(self.thresholds),
            "class_weights": list(self.class_weights),
            "bias": self.bias,
        }

    @classmethod
    def restore(
        cls, *, name: str, field: str, weight: float, options: MultiLabelOptions, state: Mapping[str, Any]
    ) -> Self:
        """Make the task from a bundle's JSON."""
        labels = labels_of(state["labels"])
        thresholds = numbers_of(state["thresholds"], counts=(len(labels),))
        weights = numbers_of(state["class_weights"], counts=(0, len(labels)))
        return cls(name, field, weight, options, labels, thresholds, weights, number_of(state["bias"]))

    def describe(self) -> str:
        """Return the number of classes."""
        return f"{len(self.labels)} labels, any number a text"

    def label_names(self) -> list[str]:
        """Return the classes."""
        return [str(label) for label in self.labels]


def _weights(
    wanted: ClassWeights | None, labels: LabelSet, shown: Mapping[Label, int], records: int, where: str
) -> tuple[float, ...]:
    """Work out the weight of each class's yes; ``balanced`` makes yes and no weigh the same, within bounds."""
    if wanted != "balanced":
        return weights_of_classes(wanted, labels, shown, where=f"{where}.class_weights")
    ratios = ((records - shown[label]) / shown[label] for label in labels)
    return tuple(min(max(ratio, 1 / _MOST_WEIGHT), _MOST_WEIGHT) for ratio in ratios)
