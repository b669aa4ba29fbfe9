"""Drives the training loop itself: a prepared run, taken step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from polyhead.batching import Step
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.training.guard import Guard
from polyhead.training.loop import LossSettings, train_steps
from polyhead.training.passes import Passes
from polyhead.training.prepare import Prepared, prepare
from polyhead.training.reporting import StepReport
from tests.training.conftest import Listener


@dataclass
class Drive:
    """A run without a folder.

    Attributes:
        prepared: What it needs.
        guard: What looks after it.
        listener: Heard what was said.
        log: The events of the log that the guard wrote.
    """

    prepared: Prepared
    guard: Guard
    listener: Listener = field(default_factory=Listener)
    log: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, settings: RunSettings) -> Drive:
        listener, log = Listener(), []

        def note(event: str, **values: Any) -> None:
            log.append({"event": event, **values})

        prepared = prepare(settings, Notices())
        return cls(prepared, Guard(settings.training, reporter=listener, log=note), listener, log)

    @property
    def losses(self) -> LossSettings:
        teacher = self.prepared.settings.teacher
        weights = {task.name: task.weight for task in self.prepared.tasks}
        return LossSettings(weights, clip=1.0, soft_weight=teacher.weight, temperature=teacher.temperature)

    def passes(self) -> Passes:
        return Passes(
            self.prepared.model,
            self.prepared.examples,
            encoder=self.prepared.text_encoder,
            engine=self.prepared.engine,
            losses=self.losses,
            stopped=(),
        )

    def order(self) -> list[tuple[int, Step]]:
        epochs = range(1, self.prepared.settings.training.epochs + 1)
        return [(epoch, step) for epoch in epochs for step in self.prepared.steps.of_epoch(epoch)]

    def steps(self, order: list[tuple[int, Step]] | None = None, *, first_step: int = 1) -> Iterator[StepReport]:
        return train_steps(
            self.prepared.model,
            self.prepared.examples,
            encoder=self.prepared.text_encoder,
            engine=self.prepared.engine,
            steps=iter(self.order() if order is None else order),
            losses=self.losses,
            guard=self.guard,
            first_step=first_step,
        )

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.prepared.model.state_dict().items()}


def same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
