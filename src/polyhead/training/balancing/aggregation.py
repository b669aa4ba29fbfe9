"""Gradients of the tasks, each by itself, put together into one that no task need suffer from.

loss of each task → backward → gradient of each task ─┬─ weights that one task alone reaches (its head): its own
                                                      └─ weights that several reach: Σ w_i g_i, by the method

All methods here find w from the Gramian of the gradients, a small matrix, so the Jacobian is never put together as one
matrix; a copy of the shared weights' gradients a task is what it takes in memory.

There is a backward a task (`torch.autograd.grad`), not TorchJD's `mtl_backward`: that needs `torch.vmap`, which layers
that are run by hand or compiled cannot do, or it does the very same; it knows no parts of a batch and no scale of
losses; and it would have to be told which weights are shared, which here is seen from the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyhead.training.balancing.base import Balancing
from polyhead.training.engine import Engine

Factors = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From the Gramian of the tasks' gradients, shape (tasks, tasks), to w, shape (tasks,)."""


class Aggregation(Balancing):
    """Puts the tasks' gradients together.

    A row of the Jacobian is the gradient of a task's loss times its weight. A task without a target in a step, or of
    weight 0, has no row. Where one task alone is in a step, its gradient is the step's.

    Args:
        weights: By task, the weight of its loss.
        factors: The method.
    """

    def __init__(self, weights: Mapping[str, float], *, factors: Factors) -> None:
        super().__init__(weights)
        self._find = factors
        self._rows: dict[str, dict[int, Tensor]] = {}

    def backward(self, losses: Mapping[str, Tensor], engine: Engine) -> None:
        """Take the gradient of each task's loss, and add it to that of the parts before."""
        heard = {name: self._static[name] * loss for name, loss in losses.items() if self._static[name] != 0}
        for left, (name, loss) in zip(range(len(heard) - 1, -1, -1), heard.items(), strict=True):
            row = self._rows.setdefault(name, {})
            for at, grad in engine.gradients(loss, keep_graph=left > 0).items():
                row[at] = row[at] + grad if at in row else grad

    def finish(self, engine: Engine) -> None:
        """Give the weights their gradient."""
        rows, self._rows = list(self._rows.values()), {}
        reached = {at: [number for number, row in enumerate(rows) if at in row] for at in set().union(*rows)}
        shared = [at for at, own in reached.items() if len(own) > 1]
        factors = np.ones(len(rows))
        if shared:
            gramian = gramian_of([{at: row[at] for at in shared if at in row} for row in rows])
            gramian /= engine.scale() ** 2
            if np.isfinite(gramian).all():  # else the sum is no finite number either, and the step is not taken
                factors = self._find(gramian)
        for at, own in reached.items():
            grads = [rows[number].pop(at) for number in own]
            engine.trained[at].grad = grads[0] if len(own) == 1 else _combined(grads, factors[own])

    def drop(self) -> None:
        """Forget the gradients of the parts."""
        self._rows = {}


def gramian_of(rows: list[dict[int, Tensor]]) -> NDArray[np.float64]:
    """Return the inner products of gradients, summed in fp64.

    Args:
        rows: Of each task, its gradients by the number of the weight; of a weight that it does not reach, none.

    Returns:
        Shape (tasks, tasks).
    """
    found = np.zeros((len(rows), len(rows)))
    for first, one in enumerate(rows):
        for second in range(first + 1):
            other = rows[second]
            dots = [torch.dot(one[at].flatten(), other[at].flatten()) for at in one if at in other]
            found[first, second] = found[second, first] = float(torch.stack(dots).double().sum()) if dots else 0.0
    return found


def _combined(grads: list[Tensor], factors: NDArray[np.float64]) -> Tensor:
    first, *others = zip(grads, factors.tolist(), strict=True)
    total = first[0] * first[1]  # not in place: what autograd gives may be a view of something else
    for grad, factor in others:
        total.add_(grad, alpha=factor)
    return total
