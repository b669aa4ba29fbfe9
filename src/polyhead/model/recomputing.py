"""Layers that keep nothing of their inner states for the backward pass, and run once more there (Chen et al. 2016).

transformers has a switch of its own for that. It stands in the layers' class, which layers that are run by hand
(`polyhead.model.fast`) or compiled go past, and not all encoders have it. So this is put around a layer's `forward`,
whatever that is.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from polyhead.errors import SettingsError
from polyhead.model.adapters import Adapters
from polyhead.model.freezing import layers_of


def recompute_layers(encoder: nn.Module, adapters: Adapters | None = None) -> None:
    """Have an encoder's layers keep in training only what goes into them.

    The random numbers of dropout are drawn again as they were, so gradients are the same bits.

    Args:
        encoder: The encoder, whose layers have the `forward` that they will train with.
        adapters: Its adapters: a layer runs once more with the one that it ran with.

    Raises:
        SettingsError: If it has no list of layers.
    """
    layers = layers_of(encoder)
    if not layers:
        raise SettingsError(
            "training.checkpoint_activations: this encoder has no list of layers that could run twice; leave it out, "
            "and set training.token_budget, with which batches need less memory"
        )
    for layer in layers:
        layer.forward = _Recomputed(layer, adapters)


class _Recomputed:
    """Stands for a layer's `forward`.

    Args:
        layer: The layer.
        adapters: The encoder's.
    """

    def __init__(self, layer: nn.Module, adapters: Adapters | None) -> None:
        self._plain, self._layer, self._adapters = layer.forward, layer, adapters

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Return what the layer returns."""
        if not self._layer.training or not torch.is_grad_enabled():
            return self._plain(*given, **named)
        run = self._plain
        if self._adapters is not None:
            run = partial(self._run_with, self._adapters, self._adapters.active)
        return checkpoint(run, *given, use_reentrant=False, **named)

    def _run_with(self, adapters: Adapters, key: str | None, *given: Any, **named: Any) -> Any:
        """Run the layer with the adapter of its pass: when it runs once more, another pass may have been the last."""
        adapters.use(key)
        return self._plain(*given, **named)
