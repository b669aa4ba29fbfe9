"""Which linear layers of an encoder adapters stand beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from polyhead.errors import SettingsError, name_the_known
from polyhead.model.freezing import layers_of

_BASE = "base_layer"
"""What PEFT calls the layer that an adapter stands beside."""
_ATTENTION = (
    ("query", "value"),
    ("q_lin", "v_lin"),
    ("query_proj", "value_proj"),
    ("q_proj", "v_proj"),
    ("q", "v"),
    ("Wqkv",),
    ("qkv_proj",),
    ("in_proj",),
)
"""What encoders call the layers of queries and values, or the one of queries, keys and values: BERT, RoBERTa, ELECTRA,
ALBERT and their like; DistilBERT; DeBERTa 2 and 3; BART's kin; MPNet; ModernBERT; and others."""


def choose_targets(encoder: nn.Module, wanted: str | Sequence[str]) -> tuple[str, ...]:
    """Return the last parts of the names of the layers that get an adapter.

    Args:
        encoder: The encoder.
        wanted: ``attention``, ``all``, or the names themselves.

    Raises:
        SettingsError: If it has no such layers, or one of a name is no plain linear layer.
    """
    known = {name for name, _ in _linears(encoder)}
    if not isinstance(wanted, str):
        return _named(encoder, wanted, known)
    if wanted == "all":
        found: tuple[str, ...] | None = tuple(sorted(known))
    else:
        found = next((names for names in (*_of_peft(encoder), *_ATTENTION) if set(names) <= known), None)
    if not found:
        raise SettingsError(
            f"adapters.targets: it is not known which layers of an encoder of the type {_sort(encoder)!r} are those of "
            f"attention; name them, for example adapters.targets=[...], of: {', '.join(sorted(known)) or 'none'}"
        )
    return found


def check_targets(encoder: nn.Module, targets: Sequence[str]) -> None:
    """See that each name is of plain linear layers of the encoder's, and of nothing else.

    Raises:
        SettingsError: If one is not.
    """
    known = {name for name, _ in _linears(encoder)}
    for name in targets:
        own = [module for path, module in encoder.named_modules() if path.rpartition(".")[2] == name]
        if not own or not all(map(_is_linear, own)):
            raise SettingsError(
                f"adapters.targets: {name!r} is no linear layer of the encoder; {name_the_known(name, sorted(known))}"
            )


def _named(encoder: nn.Module, wanted: Sequence[str], known: set[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(wanted))
    for name in names:
        if name not in known:
            raise SettingsError(
                f"adapters.targets: the encoder's layers have no linear layer {name!r}; "
                f"{name_the_known(name, sorted(known))}"
            )
    check_targets(encoder, names)
    return names


def _linears(encoder: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the linear layers inside the encoder's layers, by the last part of their names."""
    inside = layers_of(encoder) or [encoder]  # layers that are one and the same are in no list
    for part in inside:
        for path, module in part.named_modules():
            name = path.rpartition(".")[2]
            if _is_linear(module) and name != _BASE and ".lora_" not in path:
                yield name, module


def _is_linear(module: nn.Module) -> bool:
    """Whether a module is a plain linear layer, or one that has adapters already."""
    return type(getattr(module, _BASE, module)) is nn.Linear


def _of_peft(encoder: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield what PEFT takes for an encoder of this type."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as MAPPING

    names = MAPPING.get(_sort(encoder))
    if isinstance(names, list):
        yield tuple(names)


def _sort(encoder: nn.Module) -> str:
    return str(getattr(encoder.config, "model_type", "?"))
