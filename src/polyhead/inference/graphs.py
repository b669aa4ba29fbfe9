"""An exported graph, whichever runtime opens it: what goes in, what comes out, whether it fits the model's tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.bundle import Bundle, Graph
from polyhead.bundle.exported import IDS, MASK, TYPES, Exported, logits_name
from polyhead.errors import BundleError
from polyhead.tasks import Task

Shape = Sequence[int | None]
"""Of an input or output; `None` where it may be anything."""


@dataclass(frozen=True)
class Ports:
    """Inputs and outputs of a graph.

    Attributes:
        types: Whether it takes `types`.
        outputs: By task, the name of the output with its logits.
    """

    types: bool
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, exported: Exported, tasks: Sequence[Task]) -> Ports:
        """Return those that a model's graphs must have."""
        return cls(exported.types, {task.name: logits_name(at) for at, task in enumerate(tasks)})

    def feeds(self, batch: Batch) -> dict[str, NDArray[np.int64]]:
        """Return a batch as the graph takes it."""
        feeds = {IDS: batch.ids, MASK: batch.mask}
        if self.types:
            feeds[TYPES] = np.zeros_like(batch.mask) if batch.types is None else batch.types
        return feeds


def check_ports(graph: Graph, bundle: Bundle, *, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> None:
    """See that a graph is of a model's tasks.

    Args:
        graph: The graph.
        bundle: The model.
        inputs: What the runtime says of its inputs, by name.
        outputs: What it says of its outputs.

    Raises:
        BundleError: If one is missing, one more is there, or one is of another shape.
    """
    assert bundle.exported is not None  # noqa: S101 (a graph is of an exported bundle)
    where = f"{bundle.path}/{graph.file}"
    wanted = list(bundle.exported.inputs)
    if sorted(inputs) != sorted(wanted):
        raise BundleError(f"{where}: takes {_listed(inputs)}, a graph of this model takes {_listed(wanted)}")
    names = {logits_name(at): task for at, task in enumerate(bundle.tasks)}
    if sorted(outputs) != sorted(names):
        raise BundleError(
            f"{where}: answers {len(outputs)} tasks ({_listed(outputs)}), polyhead.json has {len(names)} "
            f"({_listed([task.name for task in bundle.tasks])}): graph and tasks are of different models"
        )
    for name, task in names.items():
        head, shape = task.head(), outputs[name]
        dimensions = 3 if head.of_units else 2
        if len(shape) != dimensions or shape[-1] not in (None, head.width):
            raise BundleError(
                f"{where}: gives {_said(shape)} for the task {task.name!r}, whose head gives "
                f"{_said([None] * (dimensions - 1) + [head.width])}: graph and tasks are of different models"
            )


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    return ", ".join(repr(name)[:80] for name in list(names)[:10]) or "nothing"


def _said(shape: Shape) -> str:
    return "logits of shape (" + ", ".join("any" if side is None else str(side) for side in shape) + ")"
