"""`single_label`: one class for a text."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError
from polyhead.labels import LabelSet
from polyhead.metrics import Choice, ClassScorer
from polyhead.metrics.classes import TOP
from polyhead.notices import Notices
from polyhead.records import Label, Source
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.doubts import Doubt, doubts_of_whole
from polyhead.tasks.head import HeadSpec
from polyhead.tasks.numeric import log_softmax
from polyhead.tasks.options import ClassWeights, SentenceOptions, weights_of_classes
from polyhead.tasks.ranking import Classes, classes_json, others_in_words, sure_classes, with_best_classes
from polyhead.tasks.restoring import labels_of, numbers_of


@dataclass(frozen=True)
class LabelColumn:
    """Reads an integer or a string."""

    field: str

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Label:  # noqa: ARG002
        """Return the label as the data wrote it."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise AnnotationError(f"a label must be an integer or a string, found {value!r}")
        if value == "":
            raise AnnotationError("a label must not be empty; leave the field out where the label is unknown")
        return value

    def finish(self, notices: Notices) -> None:
        """Nothing is known only after the whole file."""


@dataclass(frozen=True)
class LabelPrediction(Prediction):
    """A class and how probable the model holds it.

    Attributes:
        label: The class, as the data wrote it; `None` where the answer is abstained from.
        score: Its probability.
        probabilities: Those of all classes, in their order.
        classes: The most probable classes, beginning with the answer; `None` where they were not asked for.
    """

    label: Label | None
    score: float
    probabilities: NDArray[np.float32] = dataclasses.field(repr=False, compare=False)
    classes: Classes | None = None

    def to_json(self) -> dict[str, Any]:
        """Return label and score, and the classes where they were asked for."""
        return {"label": self.label, "score": round(self.score, 6), **classes_json(self.classes)}

    def at_least(self, confidence: float) -> LabelPrediction:
        """Return the answer, without the classes that are not sure enough."""
        if self.classes is not None:
            classes = sure_classes(self.classes, confidence)
            return dataclasses.replace(self, label=self.label if classes else None, classes=classes)
        return self if self.score >= confidence else dataclasses.replace(self, label=None)

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Prediction: {self.label}"

    def summary(self) -> str:
        """Return label and score for a person, and behind them the next best classes."""
        others = others_in_words(self.classes, (self.label,))
        return f"{'not sure' if self.label is None else self.label}  {self.score:.2f}{others}"


class SingleLabelOptions(SentenceOptions):
    """Settings of a single-label task."""

    class_weights: ClassWeights | None = None
    """Weight of each class in the loss: ``"balanced"``, or a table from class to weight."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a target that is spread over all classes (Szegedy et al. 2016)."""


@dataclass(frozen=True)
class SingleLabel(Task):
    """One class for a text.

    Attributes:
        labels: The classes.
        class_weights: Their weights in the loss; empty where all weigh 1.
    """

    labels: LabelSet
    class_weights: tuple[float, ...] = ()

    kind: ClassVar[str] = "single_label"
    Options: ClassVar[type[TaskOptions]] = SingleLabelOptions
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    @classmethod
    def column(cls, field: str, options: SingleLabelOptions) -> LabelColumn:  # noqa: ARG003
        """Make what reads a label."""
        return LabelColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: SingleLabelOptions, annotations: Sequence[Label]
    ) -> Self:
        """Learn the classes from the data."""
        shown = Counter(annotations)
        labels = LabelSet.observed(shown)
        where = f"tasks.{name}.class_weights"
        return cls(
            name, field, weight, options, labels, weights_of_classes(options.class_weights, labels, shown, where=where)
        )

    def head(self) -> HeadSpec:
        """One logit a class."""
        options = self.options
        return HeadSpec(
            reads="sentence",
            width=len(self.labels),
            pooling=options.pooling,
            layers=options.layers,
            hidden=options.hidden,
            class_weights=self.class_weights,
            smoothing=options.label_smoothing,
        )

    def outputs(self) -> list[Hashable]:
        """Return the classes."""
        return list(self.labels)

    def encode(self, annotation: Label, encoded: Encoded) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the class's index."""
        return np.array(self.labels.index(annotation), dtype=np.int64)

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> LabelPrediction:
        """Return the class that is most probable on average over the text's windows."""
        probabilities = self.soften(logits, encoded)
        best = int(probabilities.argmax())
        return LabelPrediction(self.labels[best], float(probabilities[best]), probabilities)

    def decode_all(self, logits: Sequence[NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Prediction]:
        """Return what `decode` does for each text; texts of one window are decoded together."""
        if any(len(own) != 1 for own in logits) or not logits:
            return super().decode_all(logits, encoded)
        probabilities = np.exp(log_softmax(np.concatenate(logits))).astype(np.float32)
        best = probabilities.argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best]
        return [
            LabelPrediction(self.labels[label], score, own)
            for label, score, own in zip(best.tolist(), scores.tolist(), probabilities, strict=True)
        ]

    def ranked(self, predictions: Sequence[Any], count: int) -> list[Prediction]:
        """Return the answers with the most probable classes, of which the first is the answer."""
        return with_best_classes(self.labels, predictions, count)

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the classes' probabilities, averaged over the text's windows."""
        probabilities: NDArray[np.float32] = np.exp(log_softmax(logits)).mean(axis=0).astype(np.float32)
        return probabilities

    def scorer(self) -> ClassScorer:
        """Score classes."""
        return ClassScorer(self._choice, ranked=len(self.labels) > TOP)

    def _choice(self, gold: Label, prediction: LabelPrediction) -> list[Choice]:
        if gold not in self.labels:
            return [Choice(gold, prediction.label)]
        probabilities = prediction.probabilities
        rank = int((probabilities > probabilities[self.labels.index(gold)]).sum())
        return [Choice(gold, prediction.label, rank)]

    def confidences(self, gold: Label, prediction: LabelPrediction) -> list[tuple[float, bool]]:
        """Return the class's probability, and whether it is the right one."""
        return [(prediction.score, prediction.label == gold)]

    def doubts(self, annotation: Label, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt where another class is more probable."""
        return doubts_of_whole(self, annotation, logits, encoded, say=lambda answer: str(answer.label))

    def is_right(self, gold: Label, prediction: LabelPrediction) -> bool:
        """Whether the class is the right one."""
        return gold == prediction.label

    def labels_in(self, annotation: Label) -> frozenset[Hashable]:
        """Return the class."""
        return frozenset({annotation})

    def state(self) -> dict[str, Any]:
        """Return the classes."""
        return {"labels": list(self.labels), "class_weights": list(self.class_weights)}

    @classmethod
    def restore(
        cls, *, name: str, field: str, weight: float, options: SingleLabelOptions, state: Mapping[str, Any]
    ) -> Self:
        """Make the task from a bundle's JSON."""
        labels = labels_of(state["labels"])
        weights = numbers_of(state["class_weights"], counts=(0, len(labels)))
        return cls(name, field, weight, options, labels, weights)

    def describe(self) -> str:
        """Return the number of classes."""
        return f"{len(self.labels)} labels"

    def label_names(self) -> list[str]:
        """Return the classes."""
        return [str(label) for label in self.labels]
