"""A linear layer with adapters, seen as a plain one: its matrix is the encoder's and what the active adapter adds.

The gradient of that matrix is passed on to the adapter's two, and is what these get when they run beside it. So a layer
that is run by hand need know nothing of adapters.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Linear(Protocol):
    """What a layer that is run by hand needs of a linear layer."""

    in_features: int
    out_features: int

    @property
    def weight(self) -> Tensor:
        """Shape (out, in)."""

    @property
    def bias(self) -> Tensor:
        """Shape (out,)."""


class Adapted:
    """A linear layer of PEFT's.

    Args:
        layer: The layer; its adapters have no dropout.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self.in_features, self.out_features = int(layer.in_features), int(layer.out_features)

    @property
    def weight(self) -> Tensor:
        """The matrix, in fp32, as it is with the active adapter."""
        layer = self._layer
        whole: Tensor = layer.base_layer.weight
        with torch.autocast(whole.device.type, enabled=False):
            for key in self.active:
                whole = torch.addmm(whole, layer.lora_B[key].weight, layer.lora_A[key].weight, alpha=layer.scaling[key])
        return whole

    @property
    def bias(self) -> Tensor:
        """The encoder's own."""
        bias: Tensor = self._layer.base_layer.bias
        return bias

    @property
    def active(self) -> tuple[str, ...]:
        """The active adapter's name, if one is active and stands here."""
        return tuple(key for key in self._layer.active_adapters if key in self._layer.lora_A)


def as_plain(module: Any) -> Any:
    """Return a module of PEFT's as a plain linear layer, where it can be seen as one; anything else as it is."""
    if not hasattr(module, "lora_A") or type(getattr(module, "base_layer", None)) is not nn.Linear:
        return module
    has_dropout = any(type(own) is not nn.Identity for own in module.lora_dropout.values())
    return module if has_dropout or module.base_layer.bias is None else Adapted(module)
