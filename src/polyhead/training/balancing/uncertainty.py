"""Weights by each task's own uncertainty, which is learnt (Kendall, Gal and Cipolla 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from polyhead.training.balancing.base import Balancing


class Uncertainty(Balancing):
    """Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses", equations 5 to 10.

    With s = log σ², learnt for each task, its part of the total is

        classification and tags   exp(-s) L + s / 2      (a softmax whose logits are divided by σ²)
        numbers                   exp(-s) L / 2 + s / 2  (a Gaussian of variance σ²)

    where L is the loss times the task's weight. The best s for a loss that stays as it is is log(2 L), or log(L) for
    numbers: a loss that is a thousand times as large gets a thousandth of the weight.

    The derivative by s needs nothing but the value of the loss, so s is no weight of the network: it is learnt by an
    Adam of its own, without decay, schedule or clipping, after each step that was taken, and only where the task had a
    target in it. The source begins with any s, and finds that it matters little in long trainings; fine-tuning is
    short, so here s begins at what is best for the first loss of the task; the first step goes by the plain weights.

    Args:
        weights: By task, the weight of its loss.
        shares: By task, what stands before exp(-s) L: 1, or ½ for numbers.
        lr: The rate at which s is learnt.
    """

    def __init__(self, weights: Mapping[str, float], *, shares: Mapping[str, float], lr: float) -> None:
        super().__init__(weights)
        self._shares = dict(shares)
        self._logs = {name: nn.Parameter(torch.zeros((), dtype=torch.float64)) for name in shares}
        self._begun: set[str] = set()
        self._adam = Adam(list(self._logs.values()), lr=lr)

    def weights(self) -> Mapping[str, float]:
        """Return each task's weight times its share of exp(-s)."""
        found = dict(self._static)
        for name in self._begun:
            found[name] *= self._shares[name] * math.exp(-float(self._logs[name].detach()))
        return found

    def taken(self, losses: Mapping[str, float]) -> None:
        """Learn from the losses of a step."""
        self._begin(losses)
        weights = self.weights()
        for name, log in self._logs.items():
            # Without a target no gradient, not one of zero: with that, Adam would go on as it went before.
            heard = name in losses and name in self._begun
            log.grad = log.new_tensor(0.5 - weights[name] * losses[name]) if heard else None
        self._adam.step()

    def learnt(self) -> Mapping[str, float]:
        """Return each task's weight as it is now."""
        weights = self.weights()
        return {name: weights[name] for name in self._logs if name in self._begun}

    def to_json(self) -> dict[str, Any]:
        """Return s and Adam's numbers, by task; they come back from JSON as the very same."""
        return {
            name: {"log": float(log.detach()), "adam": self._moments(log)}
            for name, log in self._logs.items()
            if name in self._begun
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self._begun = self._logs.keys() & state.keys()
        for name in self._begun:
            log, own = self._logs[name], state[name]
            with torch.no_grad():
                log.fill_(own["log"])
            if own["adam"]:
                self._adam.state[log] = {key: _tensor(key, value) for key, value in own["adam"].items()}

    def _begin(self, losses: Mapping[str, float]) -> None:
        for name in self._logs.keys() & losses.keys() - self._begun:
            loss = 2 * self._shares[name] * self._static[name] * losses[name]
            if loss > 0:
                with torch.no_grad():
                    self._logs[name].fill_(math.log(loss))
                self._begun.add(name)

    def _moments(self, log: nn.Parameter) -> dict[str, float]:
        return {key: float(value) for key, value in self._adam.state.get(log, {}).items()}


def _tensor(key: str, value: float) -> Tensor:
    """Return a number of Adam's in the type that it has there."""
    return torch.tensor(value, dtype=torch.float32 if key == "step" else torch.float64)
