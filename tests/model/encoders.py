"""An encoder whose states are what the test says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

HIDDEN = 6
LAYERS = 3
"""Sets of states: those of two layers, and the embeddings."""


class PassThrough(nn.Module):
    """Takes what an encoder of transformers takes; `given` is what it was last called with."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_size=HIDDEN, num_hidden_layers=LAYERS - 1, **config)
        self.states = [torch.zeros(0)] * LAYERS
        self.passes = 0
        self.given: dict[str, Any] = {}

    def forward(self, **given: Any) -> SimpleNamespace:
        self.passes += 1
        self.given = given
        assert given["return_dict"]
        layers = tuple(self.states) if given["output_hidden_states"] else None
        return SimpleNamespace(last_hidden_state=self.states[-1], hidden_states=layers)


def states_of(rows: int, length: int, *, seed: int = 0) -> list[Tensor]:
    """Random states of each layer."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, length, HIDDEN, generator=generator) for _ in range(LAYERS)]
