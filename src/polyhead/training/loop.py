"""The training loop as a generator of steps; logging, saving and stopping stand outside it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from accelerate.utils.memory import clear_device_cache

from polyhead.batching import STRATEGIES, Example, Mixing, Rows, Step, slots
from polyhead.encoding import TextEncoder
from polyhead.errors import TrainingError
from polyhead.model import MultiTaskModel
from polyhead.model.freezing import is_frozen
from polyhead.settings import TrainingSettings
from polyhead.training.balancing import Balancing, Static
from polyhead.training.engine import Engine
from polyhead.training.forward import Forward
from polyhead.training.guard import Guard, Place
from polyhead.training.memory import give_memory_back
from polyhead.training.passes import DidNotFitError, LossSettings, Passes, is_out_of_memory
from polyhead.training.profiling import Stopwatch
from polyhead.training.randomness import RandomState
from polyhead.training.reporting import StepReport
from polyhead.training.suspects import find_trouble, names_of

__all__ = ["LossSettings", "Steps", "set_training", "train_steps"]


class Steps:
    """The order of a run's steps.

    Args:
        rows: What is put in order.
        settings: Strategy, temperature and seed.
        batch_size: Rows in a sub-batch.

    Attributes:
        members: By task, the rows that have something to say to it.
    """

    def __init__(self, rows: Rows, *, settings: TrainingSettings, batch_size: int) -> None:
        self._rows, self._lengths = rows, np.asarray(rows.lengths)
        self.members = rows.members
        self._mixing = Mixing(batch_size, settings.seed, settings.temperature)
        self._plan = STRATEGIES[settings.strategy]

    def of_epoch(self, epoch: int) -> list[Step]:
        """Return the steps of an epoch: a pure function of seed and epoch.

        The first of all is the one that takes the most memory, so that a run for which there is too little learns of it
        at once; where tasks take turns, the first of its turn.
        """
        steps = self._plan(self._rows, self._mixing, epoch=epoch)
        if epoch == 1:
            sizes = [sum(slots(self._lengths[sub_batch.rows]) for sub_batch in step) for step in steps]
            largest = int(np.argmax(sizes))
            turn = next(at for at, step in enumerate(steps) if _tasks_of(step) == _tasks_of(steps[largest]))
            steps[turn], steps[largest] = steps[largest], steps[turn]
        return steps


def _tasks_of(step: Step) -> list[frozenset[str]]:
    return [sub_batch.tasks for sub_batch in step]


def train_steps(
    model: MultiTaskModel,
    examples: Sequence[Example],
    *,
    encoder: TextEncoder,
    engine: Engine,
    steps: Iterator[tuple[int, Step]],
    losses: LossSettings,
    guard: Guard,
    stopped: Collection[str] = (),
    first_step: int = 1,
    watch: Stopwatch | None = None,
    forward: Forward | None = None,
    balancing: Balancing | None = None,
) -> Iterator[StepReport]:
    """Train, one optimiser step at a time.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        encoder: Puts rows into batches.
        engine: Optimiser and schedule.
        steps: Epoch and sub-batches of each step.
        losses: How losses become one.
        guard: Says what becomes of numbers that go wrong, and how much goes through at once.
        stopped: Tasks whose losses are left out; looked at anew in each step, so that it may grow.
        first_step: Number of the first of the steps.
        watch: Times the parts of steps.
        forward: Gives the logits of rows; the whole model where not given.
        balancing: Turns the tasks' losses into a gradient; by their weights where not given.

    Yields:
        Each step after it was taken. One whose batch was left out has no losses.

    Raises:
        NonFiniteError: If a loss or gradient is no finite number. Weights, optimiser, schedule and random numbers then
            are those before the step.
        TrainingError: If not even a single row fits into memory.
    """
    watch = watch or Stopwatch()
    balancing = balancing or Static(losses.weights)
    passes = Passes(
        model,
        examples,
        encoder=encoder,
        engine=engine,
        losses=losses,
        stopped=stopped,
        watch=watch,
        forward=forward,
        balancing=balancing,
    )
    taker = _Taker(
        model,
        examples,
        passes=passes,
        engine=engine,
        guard=guard,
        clip=losses.clip,
        watch=watch,
        balancing=balancing,
    )
    for number, (epoch, step) in enumerate(steps, start=first_step):
        set_training(model)
        lr = float(engine.schedule.get_last_lr()[0])
        values = taker.take(step, Place(epoch, number))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch finds it odd that a schedule goes on where no step was taken
            engine.schedule.step()
        lengths = [passes.lengths(sub_batch) for sub_batch in step]
        tokens = sum(int(own.sum()) for own in lengths)
        report = StepReport(epoch, number, values, lr, rows=sum(map(len, lengths)), tokens=tokens)
        watch.step(report, lengths, heads_alone=forward is not None)
        yield report


def set_training(model: MultiTaskModel) -> None:
    """Put a model into training mode; a frozen encoder stays in evaluation mode, its states being what they are."""
    learns = not is_frozen(model.encoder)
    if model.training and model.encoder.training is learns:
        return  # to go through all modules takes a fifth of a step in which only heads run
    model.train()
    model.encoder.train(learns)


class _Taker:
    """Takes steps: gradients, a look at them, and the optimiser's step."""

    def __init__(
        self,
        model: MultiTaskModel,
        examples: Sequence[Example],
        *,
        passes: Passes,
        engine: Engine,
        guard: Guard,
        clip: float,
        watch: Stopwatch,
        balancing: Balancing,
    ) -> None:
        self._watch, self._balancing = watch, balancing
        self._model, self._examples, self._passes = model, examples, passes
        self._engine, self._guard, self._clip = engine, guard, clip

    def take(self, step: Step, place: Place) -> dict[str, float]:
        """Take a step, and return its losses; none if its batch was left out, or has nothing to learn from."""
        before = RandomState.now()
        losses = self._backward(step, place, before)
        if not losses:  # a batch whose only units lost all their pieces
            return {}
        with self._watch.part("optimiser"):
            norm = self._update(place) if all(map(math.isfinite, losses.values())) else None
            scale_was_high = norm is not None and not math.isfinite(norm) and self._engine.lower_scale()
            self._engine.optimizer.zero_grad(set_to_none=True)
        if scale_was_high:
            before.restore()
            self._guard.overflowed(place)
            return {}
        if norm is None or not math.isfinite(norm):
            trouble = find_trouble(self._model, self._passes, step, examples=self._examples, losses=losses, norm=norm)
            before.restore()
            self._guard.nonfinite(place, trouble)
            return {}
        self._guard.taken(place, losses, records=lambda task: self._records(step, task))
        self._balancing.taken(losses)
        return losses

    def _backward(self, step: Step, place: Place, before: RandomState) -> dict[str, float]:
        """Take the gradient, with less at once each time that memory runs out."""
        while True:
            try:
                return self._passes.backward(step, budget=self._guard.token_budget)
            except DidNotFitError as error:
                size = error.size
            self._engine.optimizer.zero_grad(set_to_none=True)
            clear_device_cache(garbage_collection=True)
            give_memory_back()
            self._guard.did_not_fit(place, size)
            before.restore()  # so that dropout does not depend on how far the pass came

    def _update(self, place: Place) -> float:
        """Change the weights, if the gradient is finite; return its norm before it was cut down."""
        try:
            norm = self._engine.clip(self._clip)
            if math.isfinite(norm):
                self._engine.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                f"memory ran out in {place} when the weights were changed, for which the optimiser keeps two numbers "
                f"a weight: smaller batches do not help. Keep a part of the encoder as it is (--freeze), or take a "
                f"smaller encoder"
            ) from error
        return norm

    def _records(self, step: Step, task: str) -> tuple[str, ...]:
        rows = [row for sub_batch in step if task in sub_batch.tasks for row in sub_batch.rows]
        return names_of(self._examples[row] for row in rows if task in self._examples[row].tasks)
