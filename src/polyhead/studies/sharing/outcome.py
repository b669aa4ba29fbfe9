"""What a study keeps of a training: facts and figures, no weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from polyhead.metrics.scorer import Floats


@dataclass(frozen=True)
class Scored:
    """What the answers of a model for one task are worth.

    Attributes:
        value: The figure that counts; `None` where nothing defines it.
        figures: All headline figures.
        samples: The figure that counts in each sample of the records; `None` where nothing defines it there. All
            models of a study are scored on the same samples.
        right: By record that carries the task, ``1`` where the answer is wholly right, else ``0``.
    """

    value: float | None
    figures: Mapping[str, float | None]
    samples: list[float | None]
    right: str

    def sampled(self) -> Floats:
        """Return the figure in each sample, shape (samples,), NaN for `None`."""
        return np.array([np.nan if value is None else value for value in self.samples], dtype=np.float64)


@dataclass(frozen=True)
class OwnBest:
    """A joint model as it was after the epoch that was best for one of its tasks.

    Attributes:
        epoch: Which.
        value: The task's figure on what models are scored on.
    """

    epoch: int
    value: float | None


@dataclass(frozen=True)
class Outcome:
    """One training.

    Attributes:
        tasks: That shared the model.
        seed: Of the training.
        records: Number of records trained on.
        epoch: The best epoch on dev.
        epochs: How many were trained.
        steps: Optimiser steps that were planned.
        batch_size: Rows in a batch.
        lr: The encoder's highest learning rate.
        seconds: Time that the training took, dev scores not included.
        beside: How many other trainings of the study may have gone on at the same time.
        device: Where.
        parameters: Of the model.
        bytes: Of its bundle.
        dev: By task, its dev figure that counts, after the best epoch.
        scores: By task.
        own_best: By task, of a model of several.
    """

    tasks: tuple[str, ...]
    seed: int
    records: int
    epoch: int
    epochs: int
    steps: int
    batch_size: int
    lr: float
    seconds: float
    beside: int
    device: str
    parameters: int
    bytes: int
    dev: Mapping[str, float | None]
    scores: Mapping[str, Scored]
    own_best: Mapping[str, OwnBest]

    def to_json(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self)

    def facts(self) -> dict[str, Any]:
        """Return it for people: without samples, and without which records are right."""
        scores = {name: {"value": own.value, "figures": dict(own.figures)} for name, own in self.scores.items()}
        return {**asdict(self), "tasks": list(self.tasks), "scores": scores}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Undo `to_json`."""
        values = {field.name: kept[field.name] for field in fields(cls)}
        values["tasks"] = tuple(values["tasks"])
        values["scores"] = {name: Scored(**own) for name, own in values["scores"].items()}
        values["own_best"] = {name: OwnBest(**own) for name, own in values["own_best"].items()}
        return cls(**values)
