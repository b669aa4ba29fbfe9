"""What a kind of task is.

    column    field of a file   → annotation        (once, while reading)
    learn     annotations       → task with its labels
    encode    annotation        → target array      (what the head should have said)
    decode    logits            → prediction        (undoes `encode`)
    score     gold, predictions → figures

A task knows data and numpy, never torch: the model is built from its `HeadSpec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from polyhead.encoding import Encoded
from polyhead.formats import Column
from polyhead.metrics import ListScorer, Scorer, Scores
from polyhead.records import Span, Spans, in_words
from polyhead.tasks.doubts import Doubt, doubts_of_whole
from polyhead.tasks.head import HeadSpec


class Prediction(ABC):
    """One task's answer for one text."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the answer as `predict --json` prints it."""

    @abstractmethod
    def plain(self) -> str:
        """Return the answer as the plain script `src/predict.py` prints it."""

    def summary(self) -> str:
        """Return a few words for a person, or "" where highlights say it all."""
        return ""

    def highlights(self) -> tuple[Span, ...]:
        """Return stretches of the text to colour."""
        return ()

    def at_least(self, confidence: float) -> Prediction:  # noqa: ARG002
        """Return what of the answer is held at least so probable; the rest is abstained from."""
        return self

    def in_words(self, text: str) -> str:
        """Return the answer for people to set beside the gold annotation's `Task.in_words`."""
        return self.summary() or in_words(self.highlights(), text)


class TaskOptions(BaseModel):
    """The settings that one kind of task has beside those that all have; a kind extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    reading: ClassVar[frozenset[str]] = frozenset()
    """The settings by which fields are read: with other values the data are others."""

    @property
    def is_open(self) -> bool:
        """Whether a setting is left to what the data hold, as `suited` finds it."""
        return False

    def suited(self, value: Any) -> Self:  # noqa: ARG002
        """Return the settings with nothing left open, by a value of the task's field that is not empty."""
        return self


@dataclass(frozen=True)
class Task(ABC):
    """One thing to predict.

    Attributes:
        name: The user's name for it.
        field: The field of the data files that it reads.
        weight: The weight of its loss in the sum.
        options: The settings of its kind.
    """

    name: str
    field: str
    weight: float
    options: Any

    kind: ClassVar[str]
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    metrics: ClassVar[tuple[str, ...]]
    """The figures of `score` by which epochs can be compared, higher being better; the first is the usual one."""

    @classmethod
    @abstractmethod
    def column(cls, field: str, options: Any) -> Column:
        """Make what reads the field of one file.

        Args:
            field: The field.
            options: The kind's checked `Options`.
        """

    @classmethod
    @abstractmethod
    def learn(cls, *, name: str, field: str, weight: float, options: Any, annotations: Sequence[Any]) -> Self:
        """Make a task from what the data show.

        Args:
            name: The user's name for it.
            field: The field of the data files that it reads.
            weight: The weight of its loss.
            options: The kind's checked `Options`.
            annotations: All the annotations that the data carry for it; at least one. Of large data each is read anew
                whenever it is looked at: go through them seldom, and keep counts rather than annotations.

        Raises:
            DataError: If they give nothing to learn.
            SettingsError: If an option does not fit what they show.
        """

    @abstractmethod
    def head(self) -> HeadSpec:
        """Describe the head."""

    @abstractmethod
    def outputs(self) -> list[Hashable]:
        """Return what each logit stands for: by this a student's logits are matched with its teachers'."""

    @abstractmethod
    def encode(self, annotation: Any, encoded: Encoded) -> NDArray[Any]:
        """Return the target.

        Returns:
            Shape ``head().target`` for a sentence head, with the units in front of it for a token or span head. Classes
            are integers and `IGNORE` where unknown, numbers are float32 and NaN where unknown.
        """

    def beyond(self, annotation: Any, encoded: Encoded) -> Sequence[str]:  # noqa: ARG002
        """Name what of an annotation the head has no way to say, so that it cannot be learnt: a span too wide, say."""
        return ()

    @abstractmethod
    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> Prediction:
        """Return the answer.

        Args:
            logits: Shape (windows, width) for a sentence head; (units with a piece, width) for the others.
            encoded: The text.
        """

    def decode_all(self, logits: Sequence[NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Prediction]:
        """Return the answers for several texts: those of `decode`; a kind that can do it at once is faster.

        Args:
            logits: By text, as `decode` takes them.
            encoded: The texts.
        """
        return [self.decode(own, text) for own, text in zip(logits, encoded, strict=True)]

    def ranked(self, predictions: Sequence[Any], count: int) -> list[Prediction]:  # noqa: ARG002
        """Return the same answers, with the classes beside each that are most probable; most kinds have none.

        Args:
            predictions: Answers of `decode`.
            count: How many classes, at most; the answer's own are among them.
        """
        return list(predictions)

    @abstractmethod
    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:
        """Return what a student is to imitate: how probable each output is.

        Returns:
            Shape (width,) for a sentence head; (units, width) for the others, NaN for units without a piece.
        """

    def tune(
        self,
        golds: Sequence[Any],  # noqa: ARG002
        logits: Sequence[NDArray[np.float32]],  # noqa: ARG002
        encoded: Sequence[Encoded],  # noqa: ARG002
    ) -> Self:
        """Return the task with what is chosen on dev data, such as thresholds; most kinds choose nothing.

        Args:
            golds: The annotations of the dev records that carry the task's.
            logits: As `decode` gets them.
            encoded: Their texts.
        """
        return self

    def with_table(self, table: NDArray[np.float32]) -> Self:  # noqa: ARG002
        """Return the task with what its head learnt beside logits: the transition scores of a CRF."""
        return self

    def scorer(self) -> Scorer:
        """Make what scores answers, record by record. A kind gives this, or `score`, from which this is made."""
        return ListScorer(self.score)

    def score(self, golds: Sequence[Any], predictions: Sequence[Any]) -> Scores:
        """Return the task's figures over records that carry its annotation; `None` for what nothing defines.

        Headline figures are shares of 1 (or correlations, which are read alike); those in units of the data stand in a
        mapping ``amounts``. Other mappings and lists hold particulars, as JSON values.
        """
        return self.scorer().over(golds, predictions)

    @abstractmethod
    def is_right(self, gold: Any, prediction: Any) -> bool:
        """Whether the answer is wholly right, as frame accuracy asks."""

    def entities(self, gold: Any, prediction: Any) -> tuple[Sequence[Span], Sequence[Span]]:  # noqa: ARG002
        """Return gold entities and those found, as they are to be compared; most kinds have none."""
        return (), ()

    def annotated(self, annotation: Any) -> Sequence[Span]:  # noqa: ARG002
        """Return the entities that an annotation has; most kinds have none."""
        return ()

    def confidences(self, gold: Any, prediction: Any) -> list[tuple[float, bool]]:  # noqa: ARG002
        """Return, for each part of an answer that has a probability, how high that is and whether the part is right."""
        return []

    def in_words(self, annotation: Any, text: str) -> str:
        """Return an annotation for people to read."""
        return in_words(annotation.spans, text) if isinstance(annotation, Spans) else str(annotation)

    def doubts(self, annotation: Any, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return what speaks against an annotation in the logits of a model that was trained without it.

        Args:
            annotation: One that the task `knows`.
            logits: As `decode` gets them.
            encoded: The text.
        """
        return doubts_of_whole(self, annotation, logits, encoded)

    def knows(self, annotation: Any) -> bool:
        """Whether the task has all the labels that an annotation shows."""
        known = set(self.label_names())
        return not known or {str(label) for label in self.labels_in(annotation)} <= known

    def differ(self, one: Any, other: Any) -> bool:
        """Whether two annotations of one text cannot both be right."""
        return bool(one != other)

    @abstractmethod
    def labels_in(self, annotation: Any) -> frozenset[Hashable]:
        """Return the labels that an annotation shows: what a stratified split keeps in proportion."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what the kind learnt, as JSON: what `restore` needs beside the attributes that all tasks have."""

    @classmethod
    @abstractmethod
    def restore(cls, *, name: str, field: str, weight: float, options: Any, state: Mapping[str, Any]) -> Self:
        """Undo `state`."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words on the labels, such as ``7 labels``."""

    @abstractmethod
    def label_names(self) -> list[str]:
        """Return the labels, or entity types, for people to read; empty for a kind that has none."""
