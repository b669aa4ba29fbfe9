"""Low-rank adapters beside an encoder's linear layers (LoRA, Hu et al. 2021), by PEFT.

states → W x                          the encoder as it is: no adapter is active
states → W x + alpha / rank · B A x   with the active one

One is active at a time: that of the tasks whose pass it is. PEFT puts its layers in the place of the encoder's, so that
whatever runs the encoder runs them.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from polyhead.bundle.adapters import AdapterState, passes_of
from polyhead.errors import BundleError, MissingExtraError, SettingsError
from polyhead.model.targets import check_targets

_BASE = ".base_layer."
_PARTS = (".lora_A.", ".lora_B.")

Value = TypeVar("Value")


class Switch(Protocol):
    """Tells which adapter answers which tasks, and makes one active."""

    states: tuple[AdapterState, ...]

    def use(self, key: str | None) -> None:
        """Make one active; `None`: the encoder as it is."""


class Adapters:
    """The adapters of an encoder.

    Args:
        encoder: The encoder, which has them already; see `inject`.
        states: What they are. Others that the encoder has stay unused.
        merge: They are added to the encoder's weights when the model is saved.

    Attributes:
        states: What they are.
        merge: See above.
        active: The name of the one that the next pass runs with.
    """

    def __init__(self, encoder: nn.Module, states: Sequence[AdapterState], *, merge: bool = False) -> None:
        self.states, self.merge = tuple(states), merge
        self._encoder = encoder
        self._layers = list(_layers_in(encoder))
        self.active: str | None = None
        self._activate(None)

    def use(self, key: str | None) -> None:
        """Make one active; `None`: the encoder as it is."""
        if key != self.active:
            self._activate(key)

    def _activate(self, key: str | None) -> None:
        for layer in self._layers:
            # PEFT also has it that the active one learns and no other; what learns is not a matter of the pass.
            learning = [(weight, weight.requires_grad) for weight in layer.parameters()]
            layer.set_adapter([key] if key else [])
            for weight, learns in learning:
                weight.requires_grad_(learns)
        self.active = key

    def with_tasks(self, tasks: Collection[str]) -> Adapters:
        """Return those of some tasks alone."""
        left = [(own, tuple(name for name in own.tasks if name in tasks)) for own in self.states]
        kept = [own.model_copy(update={"tasks": names}) for own, names in left if names]
        return Adapters(self._encoder, kept, merge=self.merge)

    def weights(self) -> Iterator[nn.Parameter]:
        """Yield the adapters' own weights."""
        keys = {own.key for own in self.states}
        for name, weight in self._encoder.named_parameters():
            if key_of(name) in keys:
                yield weight

    def delta(self, key: str) -> dict[str, Tensor]:
        """Return what an adapter adds to weights, by their plain names in the encoder."""
        return {
            f"{path}.weight": layer.get_delta_weight(key).detach()
            for path, layer in self._encoder.named_modules()
            if hasattr(layer, "get_delta_weight") and key in layer.lora_A
        }


def inject(encoder: nn.Module, states: Sequence[AdapterState], *, dropout: float = 0.0) -> None:
    """Give an encoder adapters, which begin by adding nothing, and have nothing but these learn.

    Args:
        encoder: The encoder, with or without adapters.
        states: What the new ones are.
        dropout: Before each.

    Raises:
        SettingsError: If the encoder lacks a layer that they are to stand beside.
        MissingExtraError: If PEFT is not installed.
    """
    peft = require_peft()
    encoder.requires_grad_(False)
    for own in states:
        check_targets(encoder, own.targets)
        config = peft.LoraConfig(
            r=own.rank,
            lora_alpha=own.alpha,
            lora_dropout=dropout,
            target_modules=list(own.targets),
            bias="none",
        )
        with warnings.catch_warnings(action="ignore"):  # that there is more than one
            peft.inject_adapter_in_model(config, encoder, own.key)
    keys = {own.key for own in states}
    for name, weight in encoder.named_parameters():
        weight.requires_grad_(key_of(name) in keys)


def require_peft() -> Any:
    """Return PEFT.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError("adapters", "adapters") from error
    return peft


def key_of(name: str) -> str | None:
    """Return the name of the adapter that a weight is of, by the weight's name; `None` for one of the encoder's own."""
    for part in _PARTS:
        before, found, behind = name.partition(part)
        if found and before:
            return behind.partition(".")[0]
    return None


def plain_name(name: str) -> str:
    """Return the name that a weight of the encoder has without adapters."""
    return name.replace(_BASE, ".")


def parted(values: Mapping[str, Value], keys: Collection[str]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Part what a model with adapters holds.

    Args:
        values: By the names of its weights.
        keys: Names of the adapters that count; others are left out.

    Returns:
        By their plain names, those of encoder and heads, and, by their own, those of the adapters.
    """
    plain = {plain_name(name): value for name, value in values.items() if key_of(name) is None}
    return plain, {name: value for name, value in values.items() if key_of(name) in keys}


def joined(names: Collection[str], values: Mapping[str, Value]) -> dict[str, Value]:
    """Undo `parted`: return values by the names that a model with adapters has."""
    return {name: values[name if key_of(name) else plain_name(name)] for name in names}


def passes(switch: Switch | None, tasks: Collection[str]) -> list[tuple[str | None, list[str]]]:
    """Return the passes of the encoder that answer some tasks: of each its adapter, if any, and its tasks."""
    return passes_of(switch.states if switch else (), tasks)


def _layers_in(encoder: nn.Module) -> Iterator[Any]:
    return (module for module in encoder.modules() if hasattr(module, "set_adapter") and hasattr(module, "lora_A"))


def restore(encoder: nn.Module, states: Sequence[AdapterState]) -> Adapters:
    """Give an encoder the adapters that a bundle describes; their weights are loaded afterwards.

    Raises:
        BundleError: If they do not fit the encoder.
        MissingExtraError: If PEFT is not installed.
    """
    try:
        with torch.no_grad():
            inject(encoder, states)
    except SettingsError as error:
        raise BundleError(f"polyhead.json: its adapters do not fit the encoder: {error}") from error
    return Adapters(encoder, states)
