"""Dropout whose random numbers cost little: torch draws one at a time, which is a tenth of a step on a processor.

Masks come from numpy's SFC64 (Doty-Humphrey 2010), four values a draw, seeded anew each time by torch's own generator.
So whatever saves, restores or seeds torch's generator has all of them in hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

_STEPS = 1 << 15
"""The share that is kept is a multiple of one in so many."""
_ONE = np.int16(0x3F80)
"""The bits of 1 as a bfloat16."""


class MaskSource:
    """Draws masks from one seed, which torch's generator gives."""

    def __init__(self) -> None:
        self._bits = np.random.SFC64(int(torch.randint(1 << 62, ())))

    def mask(self, shape: Sequence[int], drop: float, dtype: torch.dtype) -> Tensor | None:
        """Return zeros, where a value is dropped, and the inverse of the share that is kept.

        Args:
            shape: Of the mask.
            drop: The share that is dropped.
            dtype: Of the mask.

        Returns:
            The mask; `None` where nothing is dropped.
        """
        kept = round((1.0 - drop) * _STEPS)
        if kept == _STEPS:
            return None
        size = math.prod(shape)
        values = self._bits.random_raw(-(-size // 4)).view(np.int16)[:size]
        # By arithmetic on 16 bits, which is vectorised where comparisons are not: all ones where kept, else zeros.
        values >>= 1
        values -= np.int16(kept - _STEPS // 2)
        values >>= 15
        values &= _scaled(kept) if dtype == torch.bfloat16 else _ONE
        mask = torch.from_numpy(values).view(torch.bfloat16).view(*shape)
        return mask if dtype == torch.bfloat16 else mask.to(dtype).mul_(_STEPS / kept)


def _scaled(kept: int) -> np.int16:
    """Return the bits of the inverse of the share that is kept, as a bfloat16: as torch rounds it."""
    return np.int16(torch.tensor(_STEPS / kept).to(torch.bfloat16).view(torch.int16).item())


class FastDropout(nn.Dropout):
    """`torch.nn.Dropout` with these masks, on the processor."""

    def forward(self, values: Tensor) -> Tensor:
        """Drop values in training."""
        if not self.training or values.device.type != "cpu" or self.p >= 1.0:
            return super().forward(values)
        mask = MaskSource().mask(values.shape, self.p, values.dtype)
        return values if mask is None else values * mask
