"""`regression`: a number for a text."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError, DataError
from polyhead.metrics import NumberScorer
from polyhead.notices import Notices
from polyhead.records import Source
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.doubts import Doubt
from polyhead.tasks.head import HeadSpec
from polyhead.tasks.options import SentenceOptions
from polyhead.tasks.restoring import number_of

_TOO_LARGE = 1e100
"""Squares of what is smaller can still be summed."""


@dataclass(frozen=True)
class NumberColumn:
    """Reads a number."""

    field: str

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> float:  # noqa: ARG002
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise AnnotationError(f"must be a number, found {value!r}")
        if not abs(value) < _TOO_LARGE:  # which NaN is not, either
            raise AnnotationError(f"must be a number between -1e100 and 1e100, found {value!r}")
        return float(value)

    def finish(self, notices: Notices) -> None:
        """Nothing is known only after the whole file."""


@dataclass(frozen=True)
class NumberPrediction(Prediction):
    """A number.

    Attributes:
        value: The number, on the scale of the data.
    """

    value: float

    @property
    def rounded(self) -> float:
        """The number to six places."""
        return round(self.value, 6) + 0.0  # which makes -0.0 a plain 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the number."""
        return {"value": self.rounded}

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Prediction: {self.rounded}"

    def summary(self) -> str:
        """Return the number for a person."""
        return f"{self.rounded:.6g}"


class RegressionOptions(SentenceOptions):
    """Settings of a regression task."""

    tolerance: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)
    """An answer within this distance counts as right in frame accuracy; by default a tenth of the standard deviation of
    the training values."""


@dataclass(frozen=True)
class Regression(Task):
    """A number for a text. The head learns it in standard deviations from the mean.

    Attributes:
        mean: Of the training values.
        deviation: Their standard deviation.
        low: The smallest.
        high: The largest.
        tolerance: Within which distance an answer counts as right.
    """

    mean: float
    deviation: float
    low: float
    high: float
    tolerance: float

    kind: ClassVar[str] = "regression"
    Options: ClassVar[type[TaskOptions]] = RegressionOptions
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman")

    @classmethod
    def column(cls, field: str, options: RegressionOptions) -> NumberColumn:  # noqa: ARG003
        """Make what reads a number."""
        return NumberColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: RegressionOptions, annotations: Sequence[float]
    ) -> Self:
        """Learn the scale from the data."""
        values = array("d", annotations)  # one look at each, which may be read from a disk
        mean = fsum(values) / len(values)  # exact sums, which no order of the data changes
        deviation = sqrt(fsum((value - mean) ** 2 for value in values) / len(values))
        low, high = min(values), max(values)
        if low == high or not deviation:
            raise DataError(
                f"task {name!r}: {field!r} is {low:g} in all of the {len(annotations)} records that carry it, so there "
                f"is nothing to learn"
            )
        return cls(name, field, weight, options, mean, deviation, low, high, options.tolerance or deviation / 10)

    def head(self) -> HeadSpec:
        """One number."""
        options = self.options
        return HeadSpec(
            reads="sentence",
            width=1,
            objective="squared_error",
            is_number=True,
            pooling=options.pooling,
            layers=options.layers,
            hidden=options.hidden,
        )

    def outputs(self) -> list[Hashable]:
        """Return a name for the number, with its scale: a teacher's must be the student's."""
        return [("value", self.mean, self.deviation)]

    def encode(self, annotation: float, encoded: Encoded) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the number in standard deviations from the mean."""
        return np.array((annotation - self.mean) / self.deviation, dtype=np.float32)

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> NumberPrediction:  # noqa: ARG002
        """Return the mean over the text's windows, on the scale of the data."""
        return NumberPrediction(float(logits.astype(np.float64).mean()) * self.deviation + self.mean)

    def soften(self, logits: NDArray[np.float32], encoded: Encoded) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the mean over the text's windows, in standard deviations from the mean."""
        mean: NDArray[np.float32] = logits.mean(axis=0)
        return mean

    def scorer(self) -> NumberScorer:
        """Return correlations and errors."""
        return NumberScorer(lambda prediction: prediction.value)

    def is_right(self, gold: float, prediction: NumberPrediction) -> bool:
        """Whether the number is near enough."""
        return abs(gold - prediction.value) <= self.tolerance

    def doubts(self, annotation: float, logits: NDArray[np.float32], encoded: Encoded) -> list[Doubt]:
        """Return a doubt where the answer is more than a standard deviation of the training values off.

        Its score is what Chebyshev's inequality leaves: of any numbers, at most 1 in z² is z deviations from their
        mean.
        """
        answer = self.decode(logits, encoded)
        off = abs(answer.value - annotation) / self.deviation
        return [Doubt(1 - 1 / off**2, f"{annotation:.6g}", answer.summary())] if off > 1 else []

    def differ(self, one: float, other: float) -> bool:
        """Whether two numbers are further apart than an answer may be that counts as right."""
        return abs(one - other) > self.tolerance

    def labels_in(self, annotation: float) -> frozenset[Hashable]:  # noqa: ARG002
        """Numbers are no labels."""
        return frozenset()

    def state(self) -> dict[str, Any]:
        """Return the scale."""
        return {
            "mean": self.mean,
            "deviation": self.deviation,
            "low": self.low,
            "high": self.high,
            "tolerance": self.tolerance,
        }

    @classmethod
    def restore(
        cls, *, name: str, field: str, weight: float, options: RegressionOptions, state: Mapping[str, Any]
    ) -> Self:
        """Make the task from a bundle's JSON."""
        scale = (number_of(state[key]) for key in ("mean", "deviation", "low", "high", "tolerance"))
        return cls(name, field, weight, options, *scale)

    def describe(self) -> str:
        """Return smallest and largest number."""
        return f"numbers from {self.low:g} to {self.high:g}"

    def label_names(self) -> list[str]:
        """Numbers are no labels."""
        return []
