"""Weights by how fast each task's loss falls (Liu, Johns and Davison 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from polyhead.training.balancing.base import Balancing


class DynamicWeightAverage(Balancing):
    """Liu, Johns and Davison 2019, "End-to-End Multi-Task Learning with Attention", section 3.2, equation 7.

    λ_k(t) = K exp(r_k(t-1) / T) / Σ_i exp(r_i(t-1) / T),  r_k(t-1) = L_k(t-1) / L_k(t-2)

    L_k(t) is the mean loss of task k over a window t of steps, K the number of tasks, T the temperature. Tasks whose
    losses fall more slowly than others' get more weight. In the first two windows all λ are 1. λ times the task's own
    weight multiplies its loss.

    K counts the tasks that were seen in the last window: one that has stopped, or comes too seldom, has no part in the
    others' weights. Where such a task comes all the same, its λ is 1; so is the r of one of which only one window is
    known.

    Args:
        weights: By task, the weight of its loss.
        window: Steps over which losses are averaged. The source has an epoch; fine-tuning has few of these.
        temperature: T; the larger, the nearer to equal.
    """

    def __init__(self, weights: Mapping[str, float], *, window: int, temperature: float) -> None:
        super().__init__(weights)
        self._window, self._temperature = window, temperature
        self._steps, self._sums = 0, dict[str, tuple[float, int]]()
        self._last, self._before = dict[str, float](), dict[str, float]()

    def weights(self) -> Mapping[str, float]:
        """Return each task's weight times its λ."""
        factors = self._factors()
        return {name: weight * factors.get(name, 1.0) for name, weight in self._static.items()}

    def taken(self, losses: Mapping[str, float]) -> None:
        """Count the losses of a step; at a window's end, keep its means."""
        for name, loss in losses.items():
            total, steps = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + loss, steps + 1)
        self._steps += 1
        if self._steps == self._window:
            self._before = self._last
            self._last = {name: total / steps for name, (total, steps) in self._sums.items()}
            self._steps, self._sums = 0, {}

    def learnt(self) -> Mapping[str, float]:
        """Return the weights of the tasks that were seen in the last window."""
        weights = self.weights()
        return {name: weights[name] for name in self._last}

    def to_json(self) -> dict[str, Any]:
        """Return the losses that it goes by."""
        sums = {name: list(pair) for name, pair in self._sums.items()}
        return {"steps": self._steps, "sums": sums, "last": self._last, "before": self._before}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        self._steps, self._last, self._before = state["steps"], dict(state["last"]), dict(state["before"])
        self._sums = {name: (total, steps) for name, (total, steps) in state["sums"].items()}

    def _factors(self) -> dict[str, float]:
        pace = {name: self._pace(name) / self._temperature for name in self._last}
        highest = max(pace.values(), default=0.0)  # taken off, so that a loss that jumps does not overflow
        raised = {name: math.exp(own - highest) for name, own in pace.items()}
        total = sum(raised.values())
        return {name: len(raised) * own / total for name, own in raised.items()}

    def _pace(self, name: str) -> float:
        before = self._before.get(name, 0.0)
        return self._last[name] / before if before > 0 else 1.0
