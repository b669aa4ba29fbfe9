"""Where the time of a run's steps goes, and what share of the machine's speed it reaches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyhead.batching import slots
from polyhead.model import MultiTaskModel
from polyhead.model.freezing import layers_of
from polyhead.training.reporting import StepReport

PARTS = {
    "data": "rows to padded batches with targets, and onto the device",
    "forward": "encoder, heads and losses",
    "backward": "gradients",
    "optimiser": "the gradient's norm, and new weights",
}
_SIDE = 2048
_SECONDS = 1.0
_FORWARD, _TRAINED = 2, 6
"""Operations on a number of a matrix, for each piece: forward alone, and with both products of the backward pass."""


class Stopwatch:
    """Times parts of steps; this one does not."""

    def part(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Time what is done inside as a part of `PARTS`."""
        return nullcontext()

    def step(self, report: StepReport, lengths: Sequence[NDArray[np.int64]], *, heads_alone: bool) -> None:
        """Hear of a step that was taken."""

    def pause(self) -> None:
        """Hear that something else than steps was done."""

    def result(self) -> Profile | None:
        """Return what was measured."""
        return None


@dataclass(frozen=True)
class Profile:
    """What was measured.

    Attributes:
        steps: Steps that were timed: all but the first, which warms up.
        seconds: What they took.
        parts: Seconds of each part.
        rows: Rows that went through.
        tokens: Pieces that went through, padding not counted.
        slots: Pieces, padding included.
        operations: Floating-point operations of the matrix products for these pieces.
        machine: Floating-point operations a second of a large matrix product in the run's precision.
    """

    steps: int
    seconds: float
    parts: dict[str, float]
    rows: int
    tokens: int
    slots: int
    operations: float
    machine: float

    def to_json(self) -> dict[str, Any]:
        """Return all of it by name."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it as aligned lines for people."""
        if not self.steps:
            return ["no step was timed: the first only warms up"]
        named = {**self.parts, "other": self.seconds - sum(self.parts.values())}
        told = {**PARTS, "other": "losses written down, progress, states saved"}
        lines = [
            f"{name:<10}{1e3 * took / self.steps:>9.1f} ms a step{100 * took / self.seconds:>7.1f} %  {told[name]}"
            for name, took in named.items()
        ]
        rate = self.operations / self.seconds
        return [
            *lines,
            f"{'step':<10}{1e3 * self.seconds / self.steps:>9.1f} ms, the mean of {self.steps:,}",
            f"{'speed':<10}{self.rows / self.seconds:>9,.0f} rows/s, {self.tokens / self.seconds:,.0f} tokens/s",
            f"{'padding':<10}{self.slots / max(1, self.tokens):>9.2f} slots a token",
            f"{'products':<10}{rate / 1e9:>9,.0f} GFLOP/s of {self.machine / 1e9:,.0f} that a large matrix product "
            f"reaches here: {100 * rate / self.machine:.0f} %",
        ]


class Profiler(Stopwatch):
    """Times parts of steps.

    Args:
        model: The model.
        precision: Of its matrix products.
    """

    def __init__(self, model: MultiTaskModel, *, precision: str) -> None:
        self._model, self._precision = model, precision
        self._parts = dict.fromkeys(PARTS, 0.0)
        self._rows = self._tokens = self._slots = self._steps = 0
        self._operations = self._seconds = 0.0
        self._mark: float | None = None

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is done inside; on a GPU, until it is really done."""
        started = self._now()
        try:
            yield
        finally:
            self._parts[name] += self._now() - started

    def step(self, report: StepReport, lengths: Sequence[NDArray[np.int64]], *, heads_alone: bool) -> None:
        """Hear of a step that was taken.

        Args:
            report: The step.
            lengths: The lengths of the rows of each of its sub-batches.
            heads_alone: Whether the encoder did not run, its states being known.
        """
        now = self._now()
        if self._mark is None:  # the first step, which warms up
            self._parts = dict.fromkeys(PARTS, 0.0)
        else:
            self._seconds += now - self._mark
            self._steps += 1
            self._rows, self._tokens = self._rows + report.rows, self._tokens + report.tokens
            self._slots += sum(map(slots, lengths))
            self._operations += 0.0 if heads_alone else operations(self._model, np.concatenate(lengths))
        self._mark = now

    def pause(self) -> None:
        """Hear that something else than steps was done: dev scores, say."""
        if self._mark is not None:
            self._mark = self._now()

    def result(self) -> Profile:
        """Measure the machine, and return all that was measured."""
        return Profile(
            steps=self._steps,
            seconds=self._seconds,
            parts=dict(self._parts),
            rows=self._rows,
            tokens=self._tokens,
            slots=self._slots,
            operations=self._operations,
            machine=machine_rate(self._model.device(), self._precision),
        )

    def _now(self) -> float:
        if self._model.device().type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def operations(model: MultiTaskModel, lengths: Sequence[int] | NDArray[np.int64]) -> float:
    """Return the floating-point operations that a step's matrix products take at least.

    Counted are the encoder's matrices, for each piece, and the products of attention; embeddings are looked up, and
    heads are small. A frozen layer has no backward pass for its own matrices.

    Args:
        model: The model.
        lengths: Shape (rows,): pieces of each row.
    """
    pieces, squares = int(np.sum(lengths)), int(np.sum(np.square(lengths)))
    total = 0.0
    for layer in layers_of(model.encoder):
        matrices = [module.weight for module in layer.modules() if isinstance(module, nn.Linear)]
        learns = any(weight.requires_grad for weight in matrices)
        numbers = sum(weight.numel() for weight in matrices)
        each = _TRAINED if learns else _FORWARD
        # Attention multiplies each piece's query with all keys of its row, and the shares with all values.
        total += each * (pieces * numbers + 2 * squares * model.hidden)
    return total


def machine_rate(device: torch.device, precision: str) -> float:
    """Return the floating-point operations a second of a large matrix product: the best of what a second allows."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    left, right = (torch.randn(_SIDE, _SIDE, device=device).to(dtype) for _ in range(2))
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < _SECONDS:
        started = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * _SIDE**3 / best
