"""Layers of an encoder compiled by `torch.compile` for their training, one by one.

layer → traced once, for rows of any number and length → kernels, which all layers share

Each layer by itself, and not the encoder as a whole: layers are alike, so there is one compilation for all of them, and
names of weights stay as they are. Dev scores and bundles go by the layers as they were.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyhead.errors import SettingsError
from polyhead.model.freezing import layers_of

_MOST_KINDS = 64
"""Sorts of batches (with and without padding, of a single row, …) that a layer may be compiled for."""


def check_compiler(device: torch.device) -> None:
    """See that something can be compiled, by compiling something.

    Args:
        device: Where it is to run.

    Raises:
        SettingsError: If it cannot.
    """
    try:
        torch.compile(_tried)(torch.ones(8, device=device))
    except Exception as error:  # of the tracer, of the C++ compiler, or of what drives the GPU
        needs = "a C++ compiler (g++, or what CXX names)" if device.type == "cpu" else "Triton and a C compiler"
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SettingsError(
            f"training.compile: nothing can be compiled for {device.type}, which takes {needs}: {first[:300]}; install "
            f"what is missing, or leave it out"
        ) from error


def compile_layers(encoder: nn.Module, *, goes_back_again: bool = False) -> None:
    """Have an encoder's layers compiled when they first train.

    Args:
        encoder: The encoder, whose layers have the `forward` that they were built with.
        goes_back_again: Several losses go backward through one pass, so that kernels may not reuse its memory.

    Raises:
        SettingsError: If it has no list of layers.
    """
    layers = layers_of(encoder)
    if not layers:
        raise SettingsError("training.compile: this encoder has no list of layers to compile; leave it out")
    # Beyond the limit layers run as they were; torch's, of eight, is met by layers of which some are frozen.
    torch._dynamo.config.recompile_limit = max(_MOST_KINDS, torch._dynamo.config.recompile_limit)
    torch._functorch.config.donated_buffer = not goes_back_again
    for layer in layers:
        layer.forward = _Compiled(layer)


class _Compiled:
    """Stands for a layer's `forward`.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        self._plain, self._layer = layer.forward, layer
        self._compiled = torch.compile(layer.forward, dynamic=True)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Return what the layer returns."""
        if not self._layer.training:
            return self._plain(*given, **named)
        return self._compiled(*given, **named)


def _tried(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + 1.0
