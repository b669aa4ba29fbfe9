"""All batches of a run, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyhead.batching import Step, slots
from polyhead.model import MultiTaskModel
from polyhead.model.freezing import layers_of
from polyhead.training.examples import lengths_of
from polyhead.training.prepare import Prepared

Floats = NDArray[np.float64]


class Sizes:
    """Tells how large steps are.

    Args:
        prepared: The run.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._lengths = np.asarray(lengths_of(prepared.examples), dtype=np.int64)
        self._attention = attention_share(prepared.model)
        self._budget = prepared.settings.training.token_budget

    def lengths(self, step: Step) -> list[NDArray[np.int64]]:
        """Return, by sub-batch, the pieces of each row."""
        return [self._lengths[sub_batch.rows] for sub_batch in step]

    def work(self, step: Step) -> float:
        """Return what a step's time grows with: its slots, weighed by what attention adds in rows of their length."""
        return sum(slots(own) * (1 + self._attention * int(own.max())) for own in self.lengths(step))

    def at_once(self, step: Step) -> float:
        """Return the slots, weighed so, that are in memory together."""
        work = self.work(step)
        total = sum(map(slots, self.lengths(step)))
        return work if self._budget is None or total <= self._budget else work * self._budget / total


def attention_share(model: MultiTaskModel) -> float:
    """Return what attention adds to a slot's products for each slot of its row, as a share of the other products."""
    layers = layers_of(model.encoder)
    numbers = sum(part.weight.numel() for part in layers[0].modules() if isinstance(part, nn.Linear)) if layers else 0
    return 2 * model.hidden / numbers if numbers else 0.0


@dataclass(frozen=True)
class Workload:
    """The steps of a run.

    Attributes:
        work: By epoch, then by step: `Sizes.work`.
        rows: By epoch, how many rows go through.
        tokens: By epoch, how many pieces.
        slots: By epoch, how many pieces and padding.
        shapes: How many shapes of batches there are.
    """

    work: tuple[Floats, ...]
    rows: tuple[int, ...]
    tokens: tuple[int, ...]
    slots: tuple[int, ...]
    shapes: int

    @classmethod
    def of(cls, prepared: Prepared, sizes: Sizes) -> Workload:
        """Go through all epochs of a run."""
        work, counts, shapes = [], [], set[tuple[int, int]]()
        for epoch in range(1, prepared.settings.training.epochs + 1):
            steps = prepared.steps.of_epoch(epoch)
            lengths = [own for step in steps for own in sizes.lengths(step)]
            work.append(np.array([sizes.work(step) for step in steps]))
            counts.append((sum(map(len, lengths)), int(sum(own.sum() for own in lengths)), sum(map(slots, lengths))))
            shapes |= {(len(own), int(own.max())) for own in lengths}
        rows, tokens, padded = zip(*counts, strict=True)
        return cls(tuple(work), rows, tokens, padded, len(shapes))

    def to_json(self) -> list[dict[str, Any]]:
        """Return, by epoch, steps, rows, tokens, slots and the share of padding."""
        return [
            {
                "epoch": epoch,
                "steps": len(work),
                "rows": rows,
                "tokens": tokens,
                "slots": padded,
                "padding": round(1 - tokens / padded, 4),
            }
            for epoch, (work, rows, tokens, padded) in enumerate(
                zip(self.work, self.rows, self.tokens, self.slots, strict=True), start=1
            )
        ]


def spread(steps: Sequence[Step], sizes: Sizes, count: int) -> list[Step]:
    """Choose steps from the smallest to the largest, at even distances, each once.

    Args:
        steps: Of an epoch.
        sizes: Tells how large they are.
        count: How many; fewer where there are not so many. The largest is always among them.
    """
    order = sorted(range(len(steps)), key=lambda at: sizes.work(steps[at]))
    places = dict.fromkeys(np.linspace(len(order) - 1, 0, min(count, len(order))).round().astype(int).tolist())
    return [steps[order[place]] for place in sorted(places)]
