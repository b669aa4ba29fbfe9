"""What a run tells whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from polyhead.training.diagnosis import Diagnosis


@dataclass(frozen=True)
class StepReport:
    """One optimiser step.

    Attributes:
        epoch: The epoch, from 1.
        step: The step of the run, from 1.
        losses: By task, the loss before its weight.
        lr: The encoder's learning rate in this step.
        rows: Rows that went through the encoder.
        tokens: Pieces that went through the encoder, padding not counted.
    """

    epoch: int
    step: int
    losses: dict[str, float]
    lr: float
    rows: int
    tokens: int


@dataclass(frozen=True)
class EpochReport:
    """One epoch.

    Attributes:
        epoch: The epoch, from 1.
        folder: Name of the bundle that was saved after it.
        losses: By task, the mean loss over the epoch's steps.
        dev: The dev scores; `None` without dev data.
        score: Weighted mean of the tasks' figures on dev; `None` without dev data.
        seconds: Time that training took, dev scores not included.
        rows_per_second: Rows through the encoder in a second of training.
        tokens_per_second: Pieces through the encoder in a second of training, padding not counted.
        metrics: By task, the dev figure that counts.
        averaged: Over how many epochs' ends the saved weights are the mean; 1: they are this epoch's own.
    """

    epoch: int
    folder: str
    losses: dict[str, float]
    dev: dict[str, Any] | None
    score: float | None
    seconds: float
    rows_per_second: float
    tokens_per_second: float
    metrics: dict[str, str]
    averaged: int = 1

    @classmethod
    def from_json(cls, account: Mapping[str, Any]) -> Self:
        """Return an epoch as `run.json` and states account for it."""
        return cls(**{field.name: account[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Measured:
    """What an epoch's steps have come to so far.

    Attributes:
        losses: By task, the mean loss over the steps that had it.
        seconds: From the epoch's beginning to its last step.
        rows_per_second: Rows through the encoder in a second.
        tokens_per_second: Pieces through the encoder in a second.
    """

    losses: dict[str, float]
    seconds: float
    rows_per_second: float
    tokens_per_second: float


class Meter:
    """Losses and speed of one epoch, which begins now.

    Args:
        clock: Tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._rows = self._tokens = 0
        self._losses: dict[str, tuple[float, int]] = {}

    def add(self, report: StepReport) -> None:
        """Count a step that was just taken."""
        self._last = self._clock()
        self._rows += report.rows
        self._tokens += report.tokens
        for name, loss in report.losses.items():
            total, steps = self._losses.get(name, (0.0, 0))
            self._losses[name] = (total + loss, steps + 1)

    def to_json(self) -> dict[str, Any]:
        """Return what was counted."""
        losses = {name: list(pair) for name, pair in self._losses.items()}
        return {"seconds": self._last - self._started, "rows": self._rows, "tokens": self._tokens, "losses": losses}

    def restore(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self._last = self._clock()
        self._started = self._last - counted["seconds"]
        self._rows, self._tokens = counted["rows"], counted["tokens"]
        self._losses = {name: (total, steps) for name, (total, steps) in counted["losses"].items()}

    def read(self) -> Measured:
        """Return what the steps have come to; a display may ask for it from another thread."""
        seconds = self._last - self._started
        losses = dict(self._losses)  # a copy, since the thread that trains may add a task in the meantime
        return Measured(
            losses={name: total / steps for name, (total, steps) in losses.items()},
            seconds=round(seconds, 2),
            rows_per_second=round(self._rows / seconds, 1) if seconds else 0.0,
            tokens_per_second=round(self._tokens / seconds, 1) if seconds else 0.0,
        )


class Reporter:
    """Hears how a run goes; this one says nothing. Override what you want to hear."""

    def info(self, topic: str, line: str) -> None:
        """Hear a fact about the run, such as its data or its plan."""

    def warn(self, line: str) -> None:
        """Hear of something odd."""

    def start(self, *, steps: int, epochs: int) -> None:
        """Hear that training begins, and how long it is."""

    def resume(self, *, step: int, epochs: Sequence[EpochReport], best: EpochReport | None) -> None:
        """Hear, after `start`, that the run goes on after a step, and which epochs were finished before."""

    def step(self, report: StepReport) -> None:
        """Hear of one step."""

    def evaluating(self, *, records: int) -> None:
        """Hear that dev scores are being computed."""

    def evaluated(self, records: int) -> None:
        """Hear that so many more records are done."""

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Hear of one epoch, after its bundle was saved."""

    def profile(self, lines: Sequence[str]) -> None:
        """Hear where the time of the steps went, where that was asked for."""

    def diagnosis(self, found: Diagnosis) -> None:
        """Hear what was seen of the tasks' gradients, where that was asked for."""

    def close(self) -> None:
        """Hear that the run is over, well or not."""
