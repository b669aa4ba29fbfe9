"""The training loop as a generator of steps; logging, saving and stopping stand outside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polyhead.batching import STRATEGIES, Example, Mixing, Rows, Step, SubBatch, collate, collate_targets
from polyhead.encoding import TextEncoder
from polyhead.errors import TrainingError
from polyhead.model import MultiTaskModel
from polyhead.model.objectives import TargetTensors
from polyhead.model.runtime import tensors_of
from polyhead.settings import TrainingSettings
from polyhead.training.engine import Engine
from polyhead.training.reporting import StepReport


class Steps:
    """The order of a run's steps.

    Args:
        rows: What is put in order.
        settings: Strategy, temperature and seed.
        batch_size: Rows in a sub-batch.
    """

    def __init__(self, rows: Rows, *, settings: TrainingSettings, batch_size: int) -> None:
        self._rows = rows
        self._mixing = Mixing(batch_size, settings.seed, settings.temperature)
        self._plan = STRATEGIES[settings.strategy]

    def of_epoch(self, epoch: int) -> list[Step]:
        """Return the steps of an epoch: a pure function of seed and epoch."""
        return self._plan(self._rows, self._mixing, epoch=epoch)


@dataclass(frozen=True)
class LossSettings:
    """How losses become one.

    Attributes:
        weights: By task.
        clip: The gradient's norm is cut down to this.
        soft_weight: Weight of the loss against teachers' answers.
        temperature: Of the teachers' answers.
    """

    weights: Mapping[str, float]
    clip: float
    soft_weight: float = 0.0
    temperature: float = 1.0


def train_steps(
    model: MultiTaskModel,
    examples: Sequence[Example],
    *,
    encoder: TextEncoder,
    engine: Engine,
    steps: Iterator[tuple[int, Step]],
    losses: LossSettings,
    stopped: Collection[str] = (),
    first_step: int = 1,
) -> Iterator[StepReport]:
    """Train, one optimiser step at a time.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        encoder: Puts rows into batches.
        engine: Optimiser and schedule.
        steps: Epoch and sub-batches of each step.
        losses: How losses become one.
        stopped: Tasks whose losses are left out; looked at anew in each step, so that it may grow.
        first_step: Number of the first step: a resumed run begins in the middle.

    Yields:
        Each step after it was taken.

    Raises:
        TrainingError: If a loss is no number any more.
    """
    for number, (epoch, step) in enumerate(steps, start=first_step):
        set_training(model)
        found: dict[str, Tensor] = {}
        for sub_batch in step:
            with engine.accelerator.autocast():
                found |= _losses(model, examples, sub_batch, encoder, losses, stopped)
        lr = float(engine.schedule.get_last_lr()[0])
        values = {name: float(loss.detach()) for name, loss in found.items()}
        _check_finite(values, epoch, number)
        if found:  # a batch whose only units lost all their pieces has nothing to learn from
            total = torch.stack([losses.weights[name] * loss for name, loss in found.items()]).sum()
            engine.accelerator.backward(total)
            torch.nn.utils.clip_grad_norm_(engine.trained, losses.clip, foreach=True)
            engine.optimizer.step()
            engine.optimizer.zero_grad(set_to_none=True)
        engine.schedule.step()
        lengths = [examples[row].row.length for sub_batch in step for row in sub_batch.rows]
        yield StepReport(epoch, number, values, lr, rows=len(lengths), tokens=sum(lengths))


def set_training(model: MultiTaskModel) -> None:
    """Put a model into training mode; a frozen encoder stays in evaluation mode, its states being what they are."""
    model.train()
    if not any(weight.requires_grad for weight in model.encoder.parameters()):
        model.encoder.eval()


def _losses(
    model: MultiTaskModel,
    examples: Sequence[Example],
    sub_batch: SubBatch,
    encoder: TextEncoder,
    losses: LossSettings,
    stopped: Collection[str],
) -> dict[str, Tensor]:
    chosen = [examples[row] for row in sub_batch.rows]
    batch = collate([example.row for example in chosen], encoder)
    heads = {name: head for name, head in model.specs.items() if name in sub_batch.tasks and name not in stopped}
    targets = collate_targets(chosen, heads, length=batch.ids.shape[1], offset=len(encoder.prefix))
    if not targets:
        return {}
    device = model.device()
    logits = model(*tensors_of(batch, device), tasks=targets.keys())
    with torch.autocast(device.type, enabled=False):
        on_device = {name: TargetTensors.of(target, device) for name, target in targets.items()}
        return model.losses(logits, on_device, soft_weight=losses.soft_weight, temperature=losses.temperature)


def _check_finite(losses: dict[str, float], epoch: int, step: int) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss of task {name!r} is {value} in epoch {epoch}, step {step}; lower training.lr, or try "
                f"--precision fp32. The bundles of earlier epochs are whole"
            )
