"""The gradient of a step: forward and backward, of whole batches or in parts that fit into memory.

step → groups → (forward of each of a group's passes, one backward) a group → gradients, summed
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate.utils.memory import should_reduce_batch_size
from numpy.typing import NDArray
from torch import Tensor

from polyhead.batching import Example, Step, SubBatch, collate_targets, slots, token_budget_batches
from polyhead.batching.targets import Target
from polyhead.encoding import TextEncoder
from polyhead.model import MultiTaskModel
from polyhead.model.objectives import TargetTensors, Units
from polyhead.training.balancing import Balancing, Static
from polyhead.training.engine import Engine
from polyhead.training.examples import lengths_of
from polyhead.training.forward import Forward, WholeModel
from polyhead.training.profiling import Stopwatch

_FURTHER_SIGNS = (
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "could not create a primitive",  # oneDNN, which says no more where memory is short
)
"""What errors say, beside what Accelerate knows, where an allocation failed inside a library."""


@dataclass(frozen=True)
class LossSettings:
    """How losses become one.

    Attributes:
        weights: By task.
        clip: The gradient's norm is cut down to this.
        soft_weight: Weight of the loss against teachers' answers.
        temperature: Of the teachers' answers.
    """

    weights: Mapping[str, float]
    clip: float
    soft_weight: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class Size:
    """How large something is that goes through the encoder at once.

    Attributes:
        rows: Rows.
        longest: Pieces in the longest of them.
        slots: Pieces, padding included.
    """

    rows: int
    longest: int
    slots: int


class DidNotFitError(Exception):
    """Memory ran out in a pass; holds none of its tensors.

    Attributes:
        size: Of what went through at once.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(f"{size.rows} rows of up to {size.longest} pieces did not fit into memory")
        self.size = size


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or should_reduce_batch_size(error):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _FURTHER_SIGNS)


@dataclass(frozen=True)
class Pass:
    """Rows that go through the encoder together: a sub-batch, or a part of one.

    Attributes:
        batch: The rows, and the tasks whose losses they add.
        whole: For a part, what the losses of its sub-batch are means over; `None` for a whole sub-batch.
    """

    batch: SubBatch
    whole: Mapping[str, Units] | None = None


class Passes:
    """Takes the gradients of steps.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        encoder: Puts rows into batches.
        engine: Precision, and what runs backward.
        losses: How losses become one.
        stopped: Tasks whose losses are left out; looked at anew in each step, so that it may grow.
        watch: Times the parts of steps.
        forward: Gives the logits; the whole model where not given.
        balancing: Turns the tasks' losses into a gradient; by their weights where not given.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        examples: Sequence[Example],
        *,
        encoder: TextEncoder,
        engine: Engine,
        losses: LossSettings,
        stopped: Collection[str],
        watch: Stopwatch | None = None,
        forward: Forward | None = None,
        balancing: Balancing | None = None,
    ) -> None:
        self._model, self._examples, self._encoder = model, examples, encoder
        self._lengths = np.asarray(lengths_of(examples), dtype=np.int64)
        self._watch = watch or Stopwatch()
        self._forward = forward or WholeModel(model, examples, encoder)
        self._engine, self._settings, self._stopped = engine, losses, stopped
        self._balancing = balancing or Static(losses.weights)

    def backward(self, step: Step, *, budget: int | None) -> dict[str, float]:
        """Add a step's gradients to the weights'.

        Args:
            step: Its sub-batches.
            budget: Pieces, padding included, that may go through at once. A step that has more is taken in parts, with
                a backward each, so that no more than one of them is in memory.

        Returns:
            By task, the loss before its weight. Once one is no finite number nothing goes backward any more.

        Raises:
            DidNotFitError: If memory ran out. What gradients there are then are those of a part of the step.
        """
        values: dict[str, float] = {}
        for group in self._groups(step, budget):
            for name, value in self._guarded(group).items():
                values[name] = values.get(name, 0.0) + value
            if not all(map(math.isfinite, values.values())):
                self._balancing.drop()
                return values
        self._balancing.finish(self._engine)
        return values

    def size(self, batches: Sequence[SubBatch]) -> Size:
        """Return how large sub-batches are that are in memory together."""
        lengths = [self.lengths(batch) for batch in batches]
        return Size(sum(map(len, lengths)), max(int(own.max()) for own in lengths), sum(map(slots, lengths)))

    def losses(self, one: Pass) -> dict[str, Tensor]:
        """Run a pass forward, and return the loss of each task that has a target in it."""
        device = self._model.device()
        with self._watch.part("data"):
            targets = self._targets(one.batch)
            if not targets:
                return {}
            on_device = {name: TargetTensors.of(target, device) for name, target in targets.items()}
            inputs = self._forward.inputs(one.batch.rows)
        with self._watch.part("forward"):
            with self._engine.autocast():
                logits = self._forward(inputs, tasks=targets.keys())
            return self._model.losses(
                logits,
                on_device,
                soft_weight=self._settings.soft_weight,
                temperature=self._settings.temperature,
                whole=one.whole,
            )

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of tasks' losses."""
        return self._balancing.total(losses)

    def _groups(self, step: Step, budget: int | None) -> Iterator[list[Pass]]:
        """Yield what is in memory together: the whole step, or one part of it after the other."""
        if budget is None or self.size(step).slots * self._runs(step) <= budget:
            yield [Pass(sub_batch) for sub_batch in step]
            return
        for sub_batch in step:
            whole = self._units(sub_batch)
            for part in token_budget_batches(self.lengths(sub_batch), budget=budget):
                # Tasks with adapters of their own go through one after the other, so that one pass is in memory.
                for _, tasks in self._model.passes(sub_batch.tasks):
                    yield [Pass(SubBatch(sub_batch.rows[part], frozenset(tasks)), whole)]

    def _runs(self, step: Step) -> int:
        """Return how often the encoder runs for a row, at most: once a group of tasks that share an adapter."""
        return max(len(self._model.passes(sub_batch.tasks)) for sub_batch in step)

    def _guarded(self, group: Sequence[Pass]) -> dict[str, float]:
        try:
            return self._run(group)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        self._balancing.drop()
        # Raised out here, where the error is gone, and with it the frames that hold the tensors that filled the memory.
        raise DidNotFitError(self.size([one.batch for one in group]))

    def _run(self, group: Sequence[Pass]) -> dict[str, float]:
        found: dict[str, Tensor] = {}
        for one in group:
            found |= self.losses(one)
        values = {name: float(loss.detach()) for name, loss in found.items()}
        # A batch whose only units lost all their pieces has nothing to learn from.
        if found and all(map(math.isfinite, values.values())):
            with self._watch.part("backward"):
                self._balancing.backward(found, self._engine)
        return values

    def _units(self, sub_batch: SubBatch) -> dict[str, Units]:
        targets = self._targets(sub_batch)
        here = torch.device("cpu")
        return {
            name: self._model.head(name).objective.units(TargetTensors.of(target, here))
            for name, target in targets.items()
        }

    def _targets(self, sub_batch: SubBatch) -> dict[str, Target]:
        specs, stopped = self._model.specs, self._stopped
        chosen = [self._examples[row] for row in sub_batch.rows]
        heads = {name: head for name, head in specs.items() if name in sub_batch.tasks and name not in stopped}
        length, offset = int(self.lengths(sub_batch).max()), len(self._encoder.prefix)
        return collate_targets(chosen, heads, length=length, offset=offset)

    def lengths(self, sub_batch: SubBatch) -> NDArray[np.int64]:
        """Return, shape (rows,), the pieces of each row of a sub-batch."""
        return self._lengths[sub_batch.rows]
