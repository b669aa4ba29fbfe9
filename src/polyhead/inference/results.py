"""What a predictor gives for a text: before decoding, and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded
from polyhead.tasks import Prediction, Task


@dataclass(frozen=True)
class Result:
    """All tasks' answers for one text.

    Attributes:
        text: The text.
        predictions: By task.
        windows: Into how many windows the text was cut; 1 unless it is longer than the encoder takes.
        second: The second text, where two were read together.
    """

    text: str
    predictions: dict[str, Prediction]
    windows: int
    second: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `predict --json` prints; ``windows`` is in it where the text was cut."""
        answers = {name: prediction.to_json() for name, prediction in self.predictions.items()}
        second = {"second": self.second} if self.second is not None else {}
        cut = {"windows": self.windows} if self.windows > 1 else {}
        return {"text": self.text, **second, **cut, **answers}


@dataclass(frozen=True)
class Reading:
    """One text after the encoder, before decoding.

    Attributes:
        encoded: The text.
        logits: By task, as `Task.decode` takes them.
    """

    encoded: Encoded
    logits: dict[str, NDArray[np.float32]]


def with_classes(results: Sequence[Result], tasks: Sequence[Task], count: int) -> list[Result]:
    """Return results with the most probable classes beside each answer; all of them are ranked at once.

    Args:
        results: The results.
        tasks: Those that answered.
        count: How many classes, at most.
    """
    names = [task.name for task in tasks]
    answers = [task.ranked([result.predictions[task.name] for result in results], count) for task in tasks]
    return [
        replace(result, predictions=dict(zip(names, predictions, strict=True)))
        for result, *predictions in zip(results, *answers, strict=True)
    ]
