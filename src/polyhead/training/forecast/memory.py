"""The memory that a run takes: by a formula, as measured, and as measured batches let expect of larger ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from polyhead import machine
from polyhead.model import MultiTaskModel
from polyhead.model.freezing import is_frozen, layers_of

_FLOAT = 4
_FOR_LEARNING = 3 * _FLOAT
"""Bytes that a weight takes which learns, beside itself: its gradient, and the two numbers of AdamW."""
_NUMBERS_KEPT = 17
"""Numbers that a layer keeps of a slot for the backward pass, as multiples of the states' width: 34 bytes of two-byte
numbers (Korthikanti et al. 2022, section 4.1)."""
_SCORES_KEPT = 2.5
"""Numbers that a layer keeps for each head and pair of slots (the same: 5 bytes a pair)."""
_ENOUGH = 0.95
"""Of what there is, what a run may be expected to take: it also holds what nobody counts."""


class Meter:
    """Measures what this process takes: on a GPU its memory, else the machine's.

    Args:
        device: Where the model is.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"

    def begin(self) -> None:
        """Forget the peak so far."""
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            machine.forget_memory_peak()

    def peak(self) -> int | None:
        """Return the most bytes there were at once since the beginning; `None` where nobody says."""
        return torch.cuda.max_memory_reserved(self._device) if self._on_gpu else machine.memory_peak()

    def now(self) -> int | None:
        """Return the bytes there are."""
        return torch.cuda.memory_reserved(self._device) if self._on_gpu else machine.memory_now()

    def room(self) -> int | None:
        """Return the bytes that this process may take, those that it has included."""
        if not self._on_gpu:
            return machine.memory_room()
        free, _ = torch.cuda.mem_get_info(self._device)
        return int(free + torch.cuda.memory_reserved(self._device))


def fits(needed: float | None, room: int | None) -> bool:
    """Whether a run that needs so much may be begun; where nobody can say, it may."""
    return needed is None or room is None or needed <= _ENOUGH * room


def for_learning(model: MultiTaskModel) -> int:
    """Return the bytes that gradients and the optimiser take."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad) * _FOR_LEARNING


def per_slot(model: MultiTaskModel, *, longest: int, recomputed: bool) -> float:
    """Return the bytes that a slot takes while it is learnt from, by the formula for fp32.

    Args:
        model: The model.
        longest: Slots in its row.
        recomputed: Whether layers are run once more in the backward pass.
    """
    layers, heads = max(1, len(layers_of(model.encoder))), getattr(model.encoder.config, "num_attention_heads", 12)
    of_layer = _NUMBERS_KEPT * model.hidden + _SCORES_KEPT * heads * longest
    if is_frozen(model.encoder):
        return _FLOAT * of_layer  # one layer after the other, and nothing is kept
    passes = len(model.passes())
    if recomputed:
        return _FLOAT * passes * (layers * model.hidden + of_layer)
    return _FLOAT * passes * layers * of_layer


@dataclass(frozen=True)
class Line:
    """How memory grows with what goes through at once.

    Attributes:
        base: Bytes with nothing.
        slope: Bytes for each slot.
    """

    base: float
    slope: float

    def at(self, size: float) -> float:
        """Return the bytes for so many slots."""
        return self.base + self.slope * size

    def size_for(self, room: int | None) -> int | None:
        """Return the slots that fit."""
        if room is None or self.slope <= 0:
            return None
        return int((_ENOUGH * room - self.base) / self.slope)


def line_through(points: Sequence[tuple[float, int]], *, formula: Line) -> Line:
    """Return how memory grows, as measured; as fast as by the formula where it never grew.

    Args:
        points: Slots, and the peak with them, in the order in which they came: a peak never falls. At least one.
        formula: How memory grows, by the formula.
    """
    sizes = np.array([size for size, _ in points], dtype=np.float64)
    peaks = np.array([peak for _, peak in points], dtype=np.float64)
    if np.ptp(sizes) == 0 or np.ptp(peaks) == 0:
        return Line(float(peaks[-1]) - formula.slope * float(sizes[-1]), formula.slope)
    slope, start = (float(value) for value in np.polyfit(sizes, peaks, 1))
    return Line(start + float(np.max(peaks - (start + slope * sizes))), slope)
