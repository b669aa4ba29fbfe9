"""Looks at the gradients of tasks, and leaves everything as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from polyhead.training.balancing.aggregation import Aggregation, gramian_of
from polyhead.training.engine import Engine


@dataclass(frozen=True)
class Measurement:
    """What was seen at one place of a run.

    Attributes:
        step: Steps that were taken before.
        losses: By task, the loss before any weight.
        weights: By task, what its loss is multiplied with.
        gramians: By group of layers, the inner products of the weighted tasks' gradients, in the order of `losses`;
            shape (tasks, tasks). Weights that one task alone reaches have no part in them.
    """

    step: int
    losses: dict[str, float]
    weights: dict[str, float]
    gramians: dict[str, NDArray[np.float64]]

    @property
    def gramian(self) -> NDArray[np.float64]:
        """That of all groups together."""
        return np.asarray(np.sum(list(self.gramians.values()), axis=0))

    def norm(self, task: str) -> float | None:
        """Return the norm of a task's weighted gradient in the shared weights; `None` where it was not measured."""
        names = list(self.losses)
        return float(np.sqrt(self.gramian[names.index(task), names.index(task)])) if task in names else None

    def share(self, task: str) -> float | None:
        """Return a task's share of the sum of all norms; `None` where it was not measured, or all are zero."""
        norm, total = self.norm(task), float(np.sqrt(np.diag(self.gramian)).sum())
        return norm / total if norm is not None and total > 0 else None

    def cosine(self, pair: tuple[str, str], group: str | None = None) -> float | None:
        """Return the cosine between two tasks' gradients; `None` where one is zero or was not measured."""
        names = list(self.losses)
        gramian = self.gramian if group is None else self.gramians.get(group)
        if gramian is None or not set(pair) <= set(names):
            return None
        first, second = (names.index(task) for task in pair)
        length = float(np.sqrt(gramian[first, first] * gramian[second, second]))
        return float(np.clip(gramian[first, second] / length, -1.0, 1.0)) if length > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return all of it by name."""
        gramians = {name: own.tolist() for name, own in self.gramians.items()}
        return {"step": self.step, "losses": self.losses, "weights": self.weights, "gramians": gramians}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave."""
        gramians = {name: np.array(own) for name, own in found["gramians"].items()}
        return cls(found["step"], dict(found["losses"]), dict(found["weights"]), gramians)


class Probe(Aggregation):
    """Stands for a way to balance losses, and only takes down what it is given.

    Args:
        weights: By task, what its loss is multiplied with.
        groups: By name, numbers of the weights.
    """

    def __init__(self, weights: Mapping[str, float], groups: Mapping[str, Sequence[int]]) -> None:
        super().__init__(weights, factors=lambda gramian: np.ones(len(gramian)))
        self._groups = groups
        self.tasks: tuple[str, ...] = ()
        self.gramians: dict[str, NDArray[np.float64]] = {}

    def finish(self, engine: Engine) -> None:
        """Keep the inner products of the gradients, which are gone then."""
        rows = list(self._rows.values())
        self.tasks = tuple(self._rows)
        shared = {at for row in rows for at in row if sum(at in other for other in rows) > 1}
        for name, group in self._groups.items():
            own = [at for at in group if at in shared]
            if own:
                parts = [{at: row[at] for at in own if at in row} for row in rows]
                self.gramians[name] = gramian_of(parts) / engine.scale() ** 2
        self.drop()

    @property
    def is_whole(self) -> bool:
        """Whether several tasks were seen, with finite gradients."""
        return bool(self.gramians) and all(bool(np.isfinite(own).all()) for own in self.gramians.values())
