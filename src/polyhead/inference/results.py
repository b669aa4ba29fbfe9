"""What a predictor gives for a text: before decoding, and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded
from polyhead.tasks import Prediction


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
