"""Which records are to blame for a loss or gradient that is no finite number."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polyhead.batching import Example, Step, SubBatch
from polyhead.model import MultiTaskModel
from polyhead.training.passes import Pass, Passes

_SHOWN = 8
"""Records that a message names; the log has all."""


@dataclass(frozen=True)
class Trouble:
    """A loss or gradient that is no finite number.

    Attributes:
        what: A clause that says it.
        losses: The step's losses, by task.
        records: The batch's records.
        alone: Those of them that alone give the like.
        weights_are_finite: Whether the weights are finite numbers; else no record is to blame.
    """

    what: str
    losses: Mapping[str, float]
    records: tuple[str, ...]
    alone: tuple[str, ...]
    weights_are_finite: bool

    @property
    def is_of_records(self) -> bool:
        """Whether some records, but not all, are to blame."""
        return 0 < len(self.alone) < max(2, len(self.records))

    def who(self) -> str:
        """Return sentences on where it comes from."""
        if not self.weights_are_finite:
            return "Some of the weights are no finite numbers: an earlier step broke them."
        batch = f"The batch's records: {some_of(self.records)}."
        if self.is_of_records:
            return f"Alone, too, it comes from: {some_of(self.alone)}. {batch}"
        return f"{batch} Each of them alone gives it, too, which points to the weights." if self.alone else batch


def find_trouble(
    model: MultiTaskModel,
    passes: Passes,
    step: Step,
    *,
    examples: Sequence[Example],
    losses: Mapping[str, float],
    norm: float | None,
) -> Trouble:
    """Run the records of a step one by one, of which a loss or the gradient is no finite number.

    Nothing random is drawn, and no weight's gradient touched. The model is in evaluation mode afterwards.

    Args:
        model: The model.
        passes: Runs it.
        step: The step.
        examples: The rows to train on.
        losses: The step's losses.
        norm: The norm of its gradient; `None` where the losses are to blame.
    """
    bad = {name for name, loss in losses.items() if not math.isfinite(loss)}
    whole = all(bool(weight.isfinite().all()) for weight in model.parameters())
    own = [sub_batch for sub_batch in step if not bad or sub_batch.tasks & bad]
    found = _alone(model, passes, own, bad) if whole else ()
    told = ", ".join(f"{name} {loss:.4g}" for name, loss in losses.items())
    clauses = [f"the loss of task {name!r} is {losses[name]}" for name in sorted(bad)]
    return Trouble(
        what=" and ".join(clauses) or f"the gradient's norm is {norm} (losses: {told})",
        losses=losses,
        records=names_of(examples[row] for sub_batch in own for row in sub_batch.rows),
        alone=names_of(examples[row] for row in found),
        weights_are_finite=whole,
    )


def names_of(examples: Iterator[Example]) -> tuple[str, ...]:
    """Return the places of rows' records, each once; the beginning of the text where a record has none."""
    return tuple(dict.fromkeys(own.name() for own in examples))


def some_of(names: Sequence[str]) -> str:
    """Return the first of many names, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more (all are in log.jsonl)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _alone(model: MultiTaskModel, passes: Passes, batches: Sequence[SubBatch], bad: Collection[str]) -> list[int]:
    """Return the rows that alone have such a loss or, where the losses are finite, such a gradient."""
    model.eval()
    found = []
    for sub_batch in batches:
        for at, row in enumerate(sub_batch.rows):
            one = Pass(SubBatch(sub_batch.rows[at : at + 1], sub_batch.tasks))
            with torch.set_grad_enabled(not bad):
                losses = passes.losses(one)
                numbers = [loss for name, loss in losses.items() if name in bad]
                if losses and not bad:
                    numbers = _gradients(model, passes.total(losses))
            if not all(bool(number.isfinite().all()) for number in numbers):
                found.append(int(row))
    return found


def _gradients(model: MultiTaskModel, total: Tensor) -> list[Tensor]:
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    return [grad for grad in torch.autograd.grad(total, learning, allow_unused=True) if grad is not None]
