"""One layer of an encoder that normalises behind each part, as BERT does: forward and backward by hand.

x → attention → dropout → + x → norm → h → feed-forward (gelu) → dropout → + h → norm

The states that go from part to part, norms and softmax are fp32; matrix products are of the precision that autocast
asks for. What it gains over autograd: weights are cast once a step and query, key and value are one product, gradients
of residuals are summed in place, and nothing is copied that need not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyhead.model.fast.adapted import Adapted, Linear
from polyhead.model.fast.attention import Attended, attend, attend_backward
from polyhead.model.fast.dropout import MaskSource

_NORM = torch.native_layer_norm
LINEARS = ("query", "key", "value", "mixed", "inner", "outer")
"""The linear layers of a layer, by the names that `Parts` has for them."""
_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward


@dataclass(frozen=True)
class Parts:
    """The modules of a layer.

    Attributes:
        query: As key and value: from states to states.
        key: See query.
        value: See query.
        mixed: From what was attended to to states.
        first_norm: Behind attention.
        inner: To the wide inner states.
        outer: Back from them.
        last_norm: Behind the feed-forward part.
        heads: Of the attention.
        attention_dropout: Share of the attention that is dropped in training.
        dropout: Share of the states that is.
        mixed_dropout: Share of what was attended to that is; some encoders drop nothing there.
    """

    query: Linear
    key: Linear
    value: Linear
    mixed: Linear
    first_norm: nn.LayerNorm
    inner: Linear
    outer: Linear
    last_norm: nn.LayerNorm
    heads: int
    attention_dropout: float
    dropout: float
    mixed_dropout: float

    def active(self) -> tuple[tuple[str, ...], ...]:
        """Return, by linear layer that has adapters, the active one."""
        linears = [getattr(self, name) for name in LINEARS]
        return tuple(module.active for module in linears if isinstance(module, Adapted))

    def weights(self) -> list[Tensor]:
        """Return the weights and biases, in the order in which `_Layer.backward` returns gradients."""
        modules = (
            self.query,
            self.key,
            self.value,
            self.mixed,
            self.inner,
            self.outer,
            self.first_norm,
            self.last_norm,
        )
        return [weight for module in modules for weight in (module.weight, module.bias)]


class FastLayer:
    """Stands for a layer's `forward` while it trains on a processor.

    Args:
        layer: The layer.
        parts: Its modules.
    """

    def __init__(self, layer: nn.Module, parts: Parts) -> None:
        self._plain, self._layer, self._parts = layer.forward, layer, parts
        self._cast = _Cast(parts)

    def __call__(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *others: Any, **named: Any) -> Any:
        """Return the states behind the layer; what else is given is of no matter to an encoder."""
        if not self._layer.training or hidden_states.device.type != "cpu":
            return self._plain(hidden_states, attention_mask, *others, **named)
        low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
        weights = self._parts.weights()
        with torch.no_grad():
            cast = self._cast.now(low)
        return _Layer.apply(hidden_states.float(), _bias(attention_mask), self._parts, cast, *weights)


def _bias(mask: Tensor | None) -> Tensor | None:
    """Return what is added to the products of attention: `transformers` gives truths, numbers, or nothing."""
    if mask is None or mask.is_floating_point():
        return None if mask is None else mask.float()
    return torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float32).min)


@dataclass
class _Weights:
    """A layer's matrices and biases in the precision of the products."""

    attention: Tensor
    attention_bias: Tensor
    mixed: Tensor
    mixed_bias: Tensor
    inner: Tensor
    inner_bias: Tensor
    outer: Tensor
    outer_bias: Tensor


class _Cast:
    """Casts a layer's weights, into memory that it keeps.

    They are cast in each pass: whether they have changed since the last cannot be told, for fused optimisers do not
    count up a tensor's version. With several adapters a step has passes of each before the first goes backward, so that
    each has memory of its own.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._made: dict[object, _Weights] = {}

    def now(self, dtype: torch.dtype) -> _Weights:
        """Return the weights as they are now."""
        key = (dtype, self._parts.active())
        if key not in self._made:
            self._made[key] = self._empty(dtype)
        self._fill(self._made[key])
        return self._made[key]

    def _empty(self, dtype: torch.dtype) -> _Weights:
        parts = self._parts
        width = parts.query.out_features

        def like(module: Linear) -> tuple[Tensor, Tensor]:
            return torch.empty_like(module.weight, dtype=dtype), torch.empty_like(module.bias, dtype=dtype)

        attention = torch.empty(3 * width, parts.query.in_features, dtype=dtype), torch.empty(3 * width, dtype=dtype)
        return _Weights(*attention, *like(parts.mixed), *like(parts.inner), *like(parts.outer))

    def _fill(self, made: _Weights) -> None:
        parts = self._parts
        width = parts.query.out_features
        for at, module in enumerate((parts.query, parts.key, parts.value)):
            made.attention[at * width : (at + 1) * width].copy_(module.weight)
            made.attention_bias[at * width : (at + 1) * width].copy_(module.bias)
        for module, weight, bias in (
            (parts.mixed, made.mixed, made.mixed_bias),
            (parts.inner, made.inner, made.inner_bias),
            (parts.outer, made.outer, made.outer_bias),
        ):
            weight.copy_(module.weight)
            bias.copy_(module.bias)


class _Layer(torch.autograd.Function):
    """Forward and backward."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, bias: Tensor | None, parts: Parts, cast: _Weights, *weights: Tensor
    ) -> Tensor:
        rows, length, width = states.shape
        low, masks = cast.mixed.dtype, MaskSource()
        flat = states.reshape(rows * length, width)
        given = flat.to(low)
        packed = torch.addmm(cast.attention_bias, given, cast.attention.t())
        query, key, value = _split(packed, rows, length, parts.heads)
        scale = (width // parts.heads) ** -0.5
        masked = masks.mask((rows * parts.heads, length, length), parts.attention_dropout, low)
        read, own = attend(query, key, value, scale=scale, bias=bias, mask=masked)
        read = read.view(rows, parts.heads, length, -1).transpose(1, 2).reshape(rows * length, width)
        mixed = torch.addmm(cast.mixed_bias, read, cast.mixed.t())
        first_mask = masks.mask(mixed.shape, parts.mixed_dropout, low)
        first_sum = _masked(mixed, first_mask).float().add_(flat)
        middle, first_mean, first_rate = _normed(first_sum, parts.first_norm)
        middle_low = middle.to(low)
        inner = torch.addmm(cast.inner_bias, middle_low, cast.inner.t())
        active = functional.gelu(inner)
        outer = torch.addmm(cast.outer_bias, active, cast.outer.t())
        last_mask = masks.mask(outer.shape, parts.dropout, low)
        last_sum = _masked(outer, last_mask).float().add_(middle)
        result, last_mean, last_rate = _normed(last_sum, parts.last_norm)
        ctx.save_for_backward(
            *(given, query, key, value, own.shares, own.dropped, masked, read, first_mask, first_sum, first_mean),
            *(first_rate, middle_low, inner, active, last_mask, last_sum, last_mean, last_rate, *weights[12:]),
        )
        ctx.parts, ctx.cast, ctx.shape, ctx.scale = parts, cast, (rows, length, width), scale
        return result.view(rows, length, width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        saved = ctx.saved_tensors  # asked for once: where layers run twice, each is there once
        given, query, key, value, shares, dropped, masked, read, first_mask, first_sum, first_mean = saved[:11]
        first_rate, middle, inner, active, last_mask, last_sum, last_mean, last_rate = saved[11:19]
        parts, cast, wants = ctx.parts, ctx.cast, ctx.needs_input_grad[4:]
        rows, length, width = ctx.shape
        low, flat = cast.mixed.dtype, (rows * length, width)
        grad, *of_last = _normed_backward(
            grads[0].reshape(flat), last_sum, last_mean, last_rate, parts.last_norm, wants[14:]
        )
        of_outer = _masked(grad.to(low), last_mask)
        of_inner = torch.ops.aten.gelu_backward(torch.mm(of_outer, cast.outer), inner)
        outer_grads = _linear_grads(of_outer, active, wants[10:12])
        inner_grads = _linear_grads(of_inner, middle, wants[8:10])
        grad = torch.mm(of_inner, cast.inner).float().add_(grad)
        grad, *of_first = _normed_backward(grad, first_sum, first_mean, first_rate, parts.first_norm, wants[12:14])
        of_mixed = _masked(grad.to(low), first_mask)
        mixed_grads = _linear_grads(of_mixed, read, wants[6:8])
        of_read = torch.mm(of_mixed, cast.mixed).view(rows, length, parts.heads, -1).transpose(1, 2)
        own = Attended(query, key, value, shares, dropped)
        thirds = attend_backward(of_read.reshape(query.shape), own, scale=ctx.scale, mask=masked)
        packed = _joined(thirds, rows, length, parts.heads)
        attention_grads = _thirds(_linear_grads(packed, given, (any(wants[0:6:2]), any(wants[1:6:2]))), width)
        below = (
            torch.mm(packed, cast.attention).float().add_(grad).view(rows, length, width)
            if ctx.needs_input_grad[0]
            else None
        )
        found = (*attention_grads, *mixed_grads, *inner_grads, *outer_grads, *of_first, *of_last)
        return (below, None, None, None, *(own if want else None for own, want in zip(found, wants, strict=True)))


def _split(packed: Tensor, rows: int, length: int, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return query, key and value, each of shape (rows x heads, length, width of a head)."""
    parts = packed.view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4).contiguous()
    query, key, value = parts.view(3, rows * heads, length, -1).unbind(0)
    return query, key, value


def _joined(thirds: tuple[Tensor, Tensor, Tensor], rows: int, length: int, heads: int) -> Tensor:
    """Undo `_split`."""
    width = thirds[0].shape[-1]
    packed = thirds[0].new_empty(rows, length, 3, heads, width)
    for at, third in enumerate(thirds):
        packed[:, :, at].copy_(third.view(rows, heads, length, width).transpose(1, 2))
    return packed.view(rows * length, 3 * heads * width)


def _masked(values: Tensor, mask: Tensor | None) -> Tensor:
    return values if mask is None else values * mask


def _normed(values: Tensor, norm: nn.LayerNorm) -> tuple[Tensor, Tensor, Tensor]:
    result: tuple[Tensor, Tensor, Tensor] = _NORM(values, values.shape[-1:], norm.weight, norm.bias, norm.eps)
    return result


def _normed_backward(
    grad: Tensor, values: Tensor, mean: Tensor, rate: Tensor, norm: nn.LayerNorm, wants: tuple[bool, bool]
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    found: tuple[Tensor, Tensor | None, Tensor | None] = _NORM_BACKWARD(
        grad, values, values.shape[-1:], mean, rate, norm.weight, norm.bias, [True, *wants]
    )
    return found


def _linear_grads(grad: Tensor, inputs: Tensor, wants: tuple[bool, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of a matrix and its bias, in fp32."""
    of_weight = torch.mm(grad.t(), inputs).float() if wants[0] else None
    return of_weight, grad.sum(0).float() if wants[1] else None


def _thirds(grads: tuple[Tensor | None, Tensor | None], width: int) -> list[Tensor | None]:
    """Return the gradients of query, key and value, weight and bias of each."""
    parts = [[None] * 3 if own is None else own.split(width) for own in grads]
    return [part[at] for at in range(3) for part in parts]
