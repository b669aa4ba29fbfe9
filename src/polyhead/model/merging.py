"""A model whose adapters are part of its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyhead.bundle.adapters import AdapterState
from polyhead.model.adapters import Adapters, parted
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.pretrained import build_encoder, config_json_of, without_first_weights

_PLAIN = "plain"
"""In the place of an adapter's name: the encoder as it is."""


def as_saved(model: MultiTaskModel) -> MultiTaskModel:
    """Return a model as it is saved: with its adapter merged, where that is asked for; else the model itself."""
    if not isinstance(model.adapters, Adapters) or not model.adapters.merge:
        return model
    return merged(model, model.adapters.states[0].key)


def merged(model: MultiTaskModel, key: str | None) -> MultiTaskModel:
    """Return a copy of a model that reads the encoder with one of its adapters, which is part of the weights.

    Args:
        model: A model with adapters, of which all tasks are read with this one.
        key: The adapter; `None`: the encoder as it is.
    """
    assert isinstance(model.adapters, Adapters)  # noqa: S101
    weights = _plain(model)
    for name, added in (model.adapters.delta(key) if key else {}).items():
        weights[f"encoder.{name}"] = weights[f"encoder.{name}"] + added
    return _copy(model, weights)


def for_graph(model: MultiTaskModel) -> MultiTaskModel:
    """Return a model as it is exported: nothing is added when it runs, and what passes have in common is there once."""
    if not isinstance(model.adapters, Adapters):
        return model
    keys = [key for key, _ in model.passes()]
    if len(keys) == 1:
        return merged(model, keys[0])
    weights = _plain(model)
    copy = _copy(model, weights)
    deltas = {key: model.adapters.delta(key) for key in keys if key}
    for name in dict.fromkeys(name for own in deltas.values() for name in own):
        path = name.removesuffix(".weight")
        own = weights[f"encoder.{name}"]
        of_keys = {key: own + deltas[key][name] if key and name in deltas[key] else own for key in keys}
        _put(copy.encoder, path, _Branch(copy.encoder.get_submodule(path), of_keys))
    copy.adapters = _Branches(copy.encoder, model.adapters.states)
    return copy.eval()


class _Branch(nn.Module):
    """A linear layer with a matrix for each pass."""

    def __init__(self, layer: nn.Module, weights: Mapping[str | None, Tensor]) -> None:
        super().__init__()
        self.of_keys = nn.ParameterDict({key or _PLAIN: nn.Parameter(weight) for key, weight in weights.items()})
        self.bias = layer.bias
        self.key: str | None = None

    def forward(self, states: Tensor) -> Tensor:
        return functional.linear(states, self.of_keys[self.key or _PLAIN], self.bias)  # type: ignore[arg-type]


class _Branches:
    """Makes one of the matrices active."""

    def __init__(self, encoder: nn.Module, states: tuple[AdapterState, ...]) -> None:
        self.states = states
        self._layers = [module for module in encoder.modules() if isinstance(module, _Branch)]

    def use(self, key: str | None) -> None:
        for layer in self._layers:
            layer.key = key


def _plain(model: MultiTaskModel) -> dict[str, Tensor]:
    with torch.no_grad():
        plain, _ = parted(model.state_dict(), ())
    return {name: tensor.detach() for name, tensor in plain.items()}


def _copy(model: MultiTaskModel, weights: Mapping[str, Tensor]) -> MultiTaskModel:
    with without_first_weights():
        encoder = build_encoder(json.loads(config_json_of(model.encoder)))
        copy = MultiTaskModel(encoder=encoder, heads=model.specs)
    copy.to(model.device()).load_state_dict(weights)
    return copy.eval()


def _put(encoder: nn.Module, path: str, module: nn.Module) -> None:
    around, _, name = path.rpartition(".")
    setattr(encoder.get_submodule(around), name, module)
