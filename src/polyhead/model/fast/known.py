"""Encoders whose layers are known well enough to be run by hand; all others keep their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn
from transformers.activations import GELUActivation

from polyhead.model.fast.adapted import Adapted, as_plain
from polyhead.model.fast.dropout import FastDropout
from polyhead.model.fast.layer import LINEARS, FastLayer, Parts
from polyhead.model.freezing import layers_of


def speed_up(model: nn.Module, encoder: nn.Module) -> bool:
    """Give a model, for its training on a processor, dropout and layers that cost less.

    Args:
        model: The model.
        encoder: Its encoder.

    Returns:
        Whether the encoder's layers were known.
    """
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, FastDropout(child.p, child.inplace).train(child.training))
    layers = layers_of(encoder)
    found = [parts for layer in layers if (parts := _parts_of(layer)) is not None and _is_sound(parts)]
    if not found or len(found) < len(layers):
        return False
    for layer, parts in zip(layers, found, strict=True):
        layer.forward = FastLayer(layer, parts)
    return True


def _parts_of(layer: nn.Module) -> Parts | None:
    """Return a layer's modules; `None` where it is of a sort that is not known."""
    read = _SORTS.get(type(layer).__name__)
    parts = read(layer) if read and type(layer).__module__.startswith("transformers.models.") else None
    return parts and replace(parts, **{name: as_plain(getattr(parts, name)) for name in LINEARS})


def _like_bert(layer: Any) -> Parts | None:
    own, config = layer.attention.self, layer.attention.self.config
    if layer.is_decoder or layer.add_cross_attention or not _is_gelu(layer.intermediate.intermediate_act_fn):
        return None
    output = layer.attention.output
    return Parts(
        query=own.query,
        key=own.key,
        value=own.value,
        mixed=output.dense,
        first_norm=output.LayerNorm,
        inner=layer.intermediate.dense,
        outer=layer.output.dense,
        last_norm=layer.output.LayerNorm,
        heads=config.num_attention_heads,
        attention_dropout=own.dropout.p,
        dropout=layer.output.dropout.p,
        mixed_dropout=output.dropout.p,
    )


def _like_distilbert(layer: Any) -> Parts | None:
    own, feed_forward = layer.attention, layer.ffn
    if not _is_gelu(feed_forward.activation):
        return None
    return Parts(
        query=own.q_lin,
        key=own.k_lin,
        value=own.v_lin,
        mixed=own.out_lin,
        first_norm=layer.sa_layer_norm,
        inner=feed_forward.lin1,
        outer=feed_forward.lin2,
        last_norm=layer.output_layer_norm,
        heads=own.n_heads,
        attention_dropout=own.dropout.p,
        dropout=feed_forward.dropout.p,
        mixed_dropout=0.0,
    )


_SORTS: dict[str, Callable[[Any], Parts | None]] = {
    "BertLayer": _like_bert,
    "RobertaLayer": _like_bert,
    "XLMRobertaLayer": _like_bert,
    "CamembertLayer": _like_bert,
    "ElectraLayer": _like_bert,
    "TransformerBlock": _like_distilbert,
}


def _is_gelu(activation: object) -> bool:
    """Whether an activation is the exact one, not one of its approximations."""
    return type(activation) in {GELUActivation, nn.GELU} and getattr(activation, "approximate", "none") == "none"


def _is_sound(parts: Parts) -> bool:
    """Whether modules are the plain ones, or can be seen as such."""
    linears = [getattr(parts, name) for name in LINEARS]
    norms = (parts.first_norm, parts.last_norm)
    return (
        all(type(module) in {nn.Linear, Adapted} and module.bias is not None for module in linears)
        and all(type(module) is nn.LayerNorm for module in norms)
        and parts.query.out_features == parts.query.in_features
        and parts.query.out_features % parts.heads == 0
    )
