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
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from polyhead.encoding import Encoded, UnitKind
from polyhead.formats import Column
from polyhead.records import Span

IGNORE = -100
"""The target of a position that has none; `ignore_index` of the losses."""

Scores = dict[str, Any]


@dataclass(frozen=True)
class HeadSpec:
    """What the model must build for a task.

    Attributes:
        reads: ``sentence``: the state of the first special token, averaged over windows as probabilities;
            ``token``: the state of each unit's first piece.
        width: Logits that the head gives.
        objective: Name of the loss, see `polyhead.model.objectives`.
        unit: What a token head labels.
    """

    reads: Literal["sentence", "token"]
    width: int
    objective: str = "cross_entropy"
    unit: UnitKind = "whitespace"


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


class TaskOptions(BaseModel):
    """The settings that one kind of task has beside those that all have; a kind extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Task(ABC):
    """One thing to predict.

    Attributes:
        name: The user's name for it.
        field: The field of the data files that it reads.
        weight: The weight of its loss in the sum.
    """

    name: str
    field: str
    weight: float

    kind: ClassVar[str]
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    main_metric: ClassVar[str]
    """The figure of `score` by which epochs are compared."""

    @classmethod
    @abstractmethod
    def column(cls, field: str) -> Column:
        """Make what reads the field of one file."""

    @classmethod
    @abstractmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: Mapping[str, Any], annotations: Sequence[Any]
    ) -> Self:
        """Make a task from what the data show.

        Args:
            name: The user's name for it.
            field: The field of the data files that it reads.
            weight: The weight of its loss.
            options: Checked values of the kind's `Options`.
            annotations: All the annotations that the data carry for it; at least one.

        Raises:
            DataError: If they give nothing to learn.
        """

    @abstractmethod
    def head(self) -> HeadSpec:
        """Describe the head."""

    @abstractmethod
    def encode(self, annotation: Any, encoded: Encoded) -> NDArray[np.int64]:
        """Return the target: shape () for a sentence head, (units,) for a token head; `IGNORE` where unknown."""

    @abstractmethod
    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> Prediction:
        """Return the answer.

        Args:
            logits: Shape (windows, width) for a sentence head; (units with a piece, width) for a token head.
            encoded: The text.
        """

    @abstractmethod
    def score(self, golds: Sequence[Any], predictions: Sequence[Any]) -> Scores:
        """Return the task's figures over records that carry its annotation; `None` for what nothing defines."""

    @abstractmethod
    def is_right(self, gold: Any, prediction: Any) -> bool:
        """Whether the answer is wholly right, as frame accuracy asks."""

    @abstractmethod
    def labels_in(self, annotation: Any) -> frozenset[Hashable]:
        """Return the labels that an annotation shows: what a stratified split keeps in proportion."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what the kind needs to be made again from JSON, beside name, field and weight."""

    @classmethod
    @abstractmethod
    def restore(cls, *, name: str, field: str, weight: float, state: Mapping[str, Any]) -> Self:
        """Undo `state`."""

    @abstractmethod
    def describe(self) -> str:
        """Return a few words on the labels, such as ``7 labels``."""

    @abstractmethod
    def label_names(self) -> list[str]:
        """Return the labels, or entity types, for people to read."""
