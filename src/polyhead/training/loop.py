"""The training loop as a generator of steps; logging, saving and stopping stand outside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from polyhead.batching import STRATEGIES, Example, Step, SubBatch, collate, collate_targets
from polyhead.encoding import TextEncoder
from polyhead.errors import TrainingError
from polyhead.model import MultiTaskModel, task_losses
from polyhead.settings import TrainingSettings
from polyhead.tasks import Task
from polyhead.training.engine import Engine
from polyhead.training.examples import members_of
from polyhead.training.reporting import StepReport


class Steps:
    """The order of a run's steps.

    Args:
        examples: The rows to train on.
        tasks: The tasks.
        settings: Strategy and seed.
        batch_size: Rows in a sub-batch.
    """

    def __init__(
        self, examples: Sequence[Example], tasks: Sequence[Task], *, settings: TrainingSettings, batch_size: int
    ) -> None:
        self._lengths = [example.row.length for example in examples]
        self._members = members_of(examples, tasks)
        self._plan = STRATEGIES[settings.strategy]
        self._seed, self._batch_size = settings.seed, batch_size

    def of_epoch(self, epoch: int) -> list[Step]:
        """Return the steps of an epoch: a pure function of seed and epoch."""
        return self._plan(self._lengths, self._members, batch_size=self._batch_size, seed=self._seed, epoch=epoch)


def train_steps(
    model: MultiTaskModel,
    examples: Sequence[Example],
    *,
    tasks: Sequence[Task],
    encoder: TextEncoder,
    engine: Engine,
    steps: Iterator[tuple[int, Step]],
    clip: float,
) -> Iterator[StepReport]:
    """Train, one optimiser step at a time.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        tasks: The tasks, with the weights of their losses.
        encoder: Puts rows into batches.
        engine: Optimiser and schedule.
        steps: Epoch and sub-batches of each step.
        clip: The gradient's norm is cut down to this.

    Yields:
        Each step after it was taken.

    Raises:
        TrainingError: If a loss is no number any more.
    """
    weights = {task.name: task.weight for task in tasks}
    for number, (epoch, step) in enumerate(steps, start=1):
        model.train()
        losses: dict[str, Tensor] = {}
        for sub_batch in step:
            with engine.accelerator.autocast():
                losses |= _losses(model, [examples[row] for row in sub_batch.rows], sub_batch, encoder)
        lr = float(engine.schedule.get_last_lr()[0])
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        _check_finite(values, epoch, number)
        if losses:  # a batch whose only units lost all their pieces has nothing to learn from
            total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
            engine.accelerator.backward(total)
            torch.nn.utils.clip_grad_norm_(engine.trained, clip, foreach=True)
            engine.optimizer.step()
            engine.optimizer.zero_grad(set_to_none=True)
        engine.schedule.step()
        yield StepReport(epoch, number, values, lr, sum(len(sub_batch.rows) for sub_batch in step))


def _losses(
    model: MultiTaskModel, examples: Sequence[Example], sub_batch: SubBatch, encoder: TextEncoder
) -> dict[str, Tensor]:
    batch = collate([example.row for example in examples], encoder)
    heads = {name: head for name, head in model.specs.items() if name in sub_batch.tasks}
    targets = collate_targets(examples, heads, length=batch.ids.shape[1], offset=len(encoder.prefix))
    if not targets:
        return {}
    device = model.device()
    logits = model(torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device), targets.keys())
    on_device = {name: torch.from_numpy(target).to(device) for name, target in targets.items()}
    return task_losses(logits, on_device, heads)


def _check_finite(losses: dict[str, float], epoch: int, step: int) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss of task {name!r} is {value} in epoch {epoch}, step {step}; lower training.lr, or try "
                f"--precision fp32. The bundles of earlier epochs are whole"
            )
