"""Groups of an encoder's layers, of which figures are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from polyhead.model.freezing import layers_of, parts_by_depth

_MOST_LAYERS = 6
"""With more layers, they are put together in thirds."""


def layer_groups(encoder: nn.Module, weights: Sequence[nn.Parameter]) -> dict[str, list[int]]:
    """Group an encoder's weights: its embeddings, and each layer, or the lower, middle and upper third of many.

    What stands in no layer (a last norm) is put with the top one. An encoder without a list of layers is one group.

    Args:
        encoder: The encoder.
        weights: All that are trained, in the order in which they are numbered.

    Returns:
        By name, the lowest first, the numbers of the weights; groups of which nothing is trained are left out.
    """
    numbers = {id(weight): at for at, weight in enumerate(weights)}
    if layers_of(encoder):
        embeddings, *layers = reversed(parts_by_depth(encoder))
        named = {"embeddings": embeddings, **_named(layers)}
    else:
        named = {"encoder": list(encoder.parameters())}
    found = {name: [numbers[id(own)] for own in group if id(own) in numbers] for name, group in named.items()}
    return {name: own for name, own in found.items() if own}


def _named(layers: list[list[nn.Parameter]]) -> dict[str, list[nn.Parameter]]:
    if len(layers) <= _MOST_LAYERS:
        return {f"layer {at}": layer for at, layer in enumerate(layers, start=1)}
    found, start = {}, 0
    for part in np.array_split(np.arange(len(layers)), 3):
        name = f"layers {start + 1}-{start + len(part)}"
        found[name] = [weight for at in part for weight in layers[at]]
        start += len(part)
    return found
