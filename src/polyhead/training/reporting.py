"""What a run tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepReport:
    """One optimiser step.

    Attributes:
        epoch: The epoch, from 1.
        step: The step of the run, from 1.
        losses: By task, the loss before its weight.
        lr: The encoder's learning rate in this step.
        rows: Rows that went through the encoder.
    """

    epoch: int
    step: int
    losses: dict[str, float]
    lr: float
    rows: int


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
    metrics: dict[str, str]
    averaged: int = 1


class Reporter:
    """Hears how a run goes; this one says nothing. Override what you want to hear."""

    def info(self, topic: str, line: str) -> None:
        """Hear a fact about the run, such as its data or its plan."""

    def warn(self, line: str) -> None:
        """Hear of something odd."""

    def start(self, *, steps: int, epochs: int) -> None:
        """Hear that training begins, and how long it is."""

    def step(self, report: StepReport) -> None:
        """Hear of one step."""

    def evaluating(self, *, records: int) -> None:
        """Hear that dev scores are being computed."""

    def evaluated(self, records: int) -> None:
        """Hear that so many more records are done."""

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Hear of one epoch, after its bundle was saved."""

    def close(self) -> None:
        """Hear that the run is over, well or not."""
