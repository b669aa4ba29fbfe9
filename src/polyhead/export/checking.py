"""Whether a graph answers as torch does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded
from polyhead.inference import Predictor, Reading
from polyhead.records import Text
from polyhead.tasks import Task

TOLERANCE = 1e-4
"""By how much logits in fp32 may differ from torch's."""


@dataclass(frozen=True)
class Agreement:
    """How far a graph's answers are torch's.

    Attributes:
        texts: How many were compared.
        logits: The largest difference of two logits.
        same: Of all answers, one a task and text, the share that is equal.
        first: The first that is not, in words; "" where all are.
    """

    texts: int
    logits: float
    same: float
    first: str

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {key: value for key, value in asdict(self).items() if key != "first"}


class Reference:
    """What torch answers, to compare graphs with.

    Args:
        torch: The model as it was trained.
        texts: What is answered.
    """

    def __init__(self, torch: Predictor, texts: Sequence[Text]) -> None:
        self._texts, self._tasks = texts, torch.tasks
        self._wanted = list(torch.read(texts))

    def agreement(self, graph: Predictor) -> Agreement:
        """Compare logits and decoded answers, of texts in bulk and of each by itself."""
        differences, unlike, count = [0.0], [], 0
        for found in (graph.read(self._texts), _one_by_one(graph, self._texts)):
            for one, other in zip(self._wanted, found, strict=True):
                for task in self._tasks:
                    mine, theirs = one.logits[task.name], other.logits[task.name]
                    differences.append(difference(task, one.encoded, mine, theirs))
                    count += 1
                    if said := _unlike(task, one, mine, theirs):
                        unlike.append(said)
        return Agreement(len(self._texts), max(differences), 1 - len(unlike) / count, unlike[0] if unlike else "")


def difference(task: Task, encoded: Encoded, mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    """Return the largest difference of two logits that stand for something.

    A span head also gives logits of stretches that leave the text, where padding stands in one batch and not in others.
    """
    apart = np.abs(mine - theirs)
    head = task.head()
    if head.of_units:
        has_piece = encoded.units(head.unit).first_piece >= 0
        apart = apart[~np.isnan(task.soften(mine, encoded)[has_piece])]
    return float(apart.max(initial=0.0))


def _unlike(task: Task, reading: Reading, mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> str:
    """Say where answers differ; "" where they do not. A number is as near as its logit."""
    if task.head().is_number:
        return ""
    one, other = (task.decode(logits, reading.encoded).plain() for logits in (mine, theirs))
    if one == other:
        return ""
    return f"{task.name} of {reading.encoded.text[:60]!r}: {one[:200]} became {other[:200]}"


def unequal(found: Agreement) -> str | None:
    """Say where answers are not torch's, as fp32 must be; `None` where they are."""
    if not found.logits <= TOLERANCE:  # NaN is not below it either
        return f"logits differ from torch's by up to {found.logits:.2g}, more than {TOLERANCE:.0e}"
    return f"an answer differs from torch's: {found.first}" if found.first else None


def _one_by_one(predictor: Predictor, texts: Sequence[Text]) -> Iterator[Reading]:
    for text in texts:
        yield from predictor.read([text])
