"""Whether matrix products in bf16 are faster here, found out by timing them."""

from __future__ import annotations

import time
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

_ROWS, _WIDTH, _INNER = 384, 768, 3072
"""A batch of 32 rows of a dozen pieces, and the wide layer of an encoder of DistilBERT's size."""
_ROUNDS = 5
_GAIN = 1.2
"""So much faster it must be: with less, the same machine might find otherwise the next time."""


@cache
def bf16_is_faster(device: str) -> bool:
    """Time a layer's forward and backward pass in fp32 and bf16, casts included, once a process.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    weight = torch.full((_INNER, _WIDTH), 0.01, device=device, requires_grad=True)
    inputs = torch.full((_ROWS, _WIDTH), 0.01, device=device)
    best = {False: float("inf"), True: float("inf")}
    for _ in range(_ROUNDS):
        for low in best:
            best[low] = min(best[low], _timed(inputs, weight, device, low=low))
    return best[False] > _GAIN * best[True]


def _timed(inputs: Tensor, weight: Tensor, device: str, *, low: bool) -> float:
    weight.grad = None
    _wait(device)
    started = time.perf_counter()
    with torch.autocast(device, torch.bfloat16, enabled=low):
        states = functional.linear(inputs, weight)
    states.float().sum().backward()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
