"""What was not set, worked out from the encoder's size and the number of rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from polyhead.settings import TrainingSettings

_STEPS_WANTED = 400
"""Steps below which a run tends to be undertrained; small data get small batches to come near it."""
_SMALLEST, _LARGEST = 4, 32
_LR_768 = 5e-5
"""A good highest rate for an encoder of 768 wide states (BERT's authors: 2e-5 to 5e-5)."""
_MOST_LR = 1e-3
_HEAD_FACTOR = 10.0
"""Heads begin at random, and have few steps: they learn at a higher rate than the encoder."""
_MOST_HEAD_LR = 2e-3
_ADAPTER_FACTOR = 10.0
"""Adapters learn best at about ten times the rate of the whole encoder, whatever its size (Schulman et al. 2025)."""
_MOST_ADAPTER_LR = 2e-3


@dataclass(frozen=True)
class Plan:
    """The numbers that a run goes by.

    Attributes:
        batch_size: Rows in a batch.
        lr: The encoder's highest learning rate.
        head_lr: The heads' highest learning rate.
        steps_per_epoch: Optimiser steps in an epoch.
        steps: Optimiser steps in all.
        warmup_steps: Steps in which the rates rise.
    """

    batch_size: int
    lr: float
    head_lr: float
    steps_per_epoch: int
    steps: int
    warmup_steps: int

    def to_json(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return asdict(self)


def choose_batch_size(settings: TrainingSettings, *, rows: int) -> int:
    """Return the batch size that was set, else the largest power of two that leaves enough steps."""
    if settings.batch_size is not None:
        return settings.batch_size
    size = _LARGEST
    while size > _SMALLEST and settings.epochs * rows / size < _STEPS_WANTED:
        size //= 2
    return size


def make_plan(
    settings: TrainingSettings, *, hidden: int, batch_size: int, steps_per_epoch: int, adapted: bool = False
) -> Plan:
    """Work out learning rates and warm-up.

    Args:
        settings: What was set.
        hidden: Width of the encoder's states. Smaller encoders take higher rates, as the inverse square.
        batch_size: Rows in a batch.
        steps_per_epoch: Optimiser steps in an epoch.
        adapted: Adapters learn instead of the encoder.
    """
    lr = settings.lr if settings.lr is not None else _usual_lr(hidden, adapted=adapted)
    head_lr = settings.head_lr if settings.head_lr is not None else max(lr, min(lr * _HEAD_FACTOR, _MOST_HEAD_LR))
    steps = settings.epochs * steps_per_epoch
    return Plan(
        batch_size=batch_size,
        lr=lr,
        head_lr=head_lr,
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        warmup_steps=round(settings.warmup * steps),
    )


def _usual_lr(hidden: int, *, adapted: bool) -> float:
    lr = min(_LR_768 * (768 / hidden) ** 2, _MOST_LR)
    return max(lr, min(_ADAPTER_FACTOR * lr, _MOST_ADAPTER_LR)) if adapted else lr
