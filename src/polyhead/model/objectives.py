"""Losses of the heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

from polyhead.tasks import IGNORE, HeadSpec


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over the positions that have a target.

    Args:
        logits: Shape (rows, width) or (rows, length, width).
        targets: Shape (rows,) or (rows, length); `IGNORE` where there is none.
    """
    return functional.cross_entropy(logits.flatten(0, -2).float(), targets.flatten(), ignore_index=IGNORE)


OBJECTIVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cross_entropy": cross_entropy}


def task_losses(
    logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], heads: Mapping[str, HeadSpec]
) -> dict[str, Tensor]:
    """Return the loss of each task that has targets; each of these must have at least one that is not `IGNORE`."""
    return {name: OBJECTIVES[heads[name].objective](logits[name], target) for name, target in targets.items()}
