"""The contract of methods that balance losses, and the plain one: fixed weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from polyhead.training.engine import Engine


class Balancing:
    """Turns the losses of a step into the gradient of a step.

    A step comes in one or several parts, whose losses add up: `backward` is called for each, then `finish` once; or
    `drop`, where the step is begun anew or left out. What a method learns it learns in `taken`, after a step that was
    really taken, so that nothing of it need be undone.

    Args:
        weights: By task, the weight of its loss.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._static = dict(weights)

    def weights(self) -> Mapping[str, float]:
        """Return, by task, what its loss is multiplied with now."""
        return self._static

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of tasks' losses."""
        weights = self.weights()
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

    def backward(self, losses: Mapping[str, Tensor], engine: Engine) -> None:
        """Take the gradients of a part of a step.

        Args:
            losses: By task that has a target in it, the loss before any weight: of a part, its share of the step's.
            engine: What runs backward.
        """
        engine.backward(self.total(losses))

    def finish(self, engine: Engine) -> None:
        """Have the weights hold the gradient of the step, all parts of which went backward."""

    def drop(self) -> None:
        """Forget the parts of a step that is not finished."""

    def taken(self, losses: Mapping[str, float]) -> None:
        """Hear of a step that was taken.

        Args:
            losses: By task that had a target in it, the loss before any weight; all finite.
        """

    def learnt(self) -> Mapping[str, float]:
        """Return, by task, the weights that the method found by itself; none where it finds none."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """Return all that a resumed run must know."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""


class Static(Balancing):
    """The weights of the tasks, as they were set."""
