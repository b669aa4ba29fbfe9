"""Heads: from the encoder's states to one task's logits.

states of all layers → Mix → Pool (sentence) → dropout → hidden layer → dropout → logits
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyhead.model.objectives import OBJECTIVES, Objective
from polyhead.tasks import HeadSpec

_STD = 0.02
"""Spread of the weights that a head begins with, as BERT's."""


class Head(nn.Module):
    """From states to logits, with the loss that trains them.

    Args:
        spec: What the task asks for.
        width: Width of the encoder's states.
        layers: Sets of states that the encoder gives: its layers, and the embeddings.
        dropout: Share of the values that are dropped in training.
    """

    def __init__(self, spec: HeadSpec, *, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.mix = LayerMix(layers) if spec.layers == "mix" else LastLayer()
        self.pool = _POOLS[spec.pooling](width) if spec.reads == "sentence" else EachState()
        self.dropout = nn.Dropout(dropout)
        self.hidden = _hidden_layer(width, spec.hidden, dropout) if spec.hidden else nn.Identity()
        inputs = spec.hidden or width
        self.linear = _linear(inputs, spec.width, spec.bias) if spec.reads != "span" else SpanLogits(inputs, spec)
        self.objective: Objective = OBJECTIVES[spec.objective](spec)

    def forward(self, states: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Return logits.

        Args:
            states: Of each layer, the last one last; shape (rows, length, width).
            mask: Shape (rows, length).

        Returns:
            Shape (rows, width) of a sentence head, (rows, length, width) of the others.
        """
        logits: Tensor = self.linear(self.hidden(self.dropout(self.pool(self.mix(states), mask))))
        return logits


class LastLayer(nn.Module):
    """The states of the last layer."""

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Return them."""
        return states[-1]


class LayerMix(nn.Module):
    """A learnt mean of all layers' states, scaled (Peters et al. 2018, section 3.2).

    Args:
        layers: How many there are.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Return the mean."""
        shares = self.shares.softmax(0)
        return self.scale * torch.stack([share * state for share, state in zip(shares, states, strict=True)]).sum(0)


class EachState(nn.Module):
    """Every state, for heads that read units."""

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return them."""
        return states


class FirstState(nn.Module):
    """The state of the first special token, such as ``[CLS]``."""

    def __init__(self, width: int) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return it."""
        return states[:, 0]


class MeanState(nn.Module):
    """The mean of the states that are no padding."""

    def __init__(self, width: int) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return it."""
        shares = mask / mask.sum(1, keepdim=True)
        return torch.einsum("rl,rlw->rw", shares.to(states.dtype), states)


class AttentionState(nn.Module):
    """The mean of the states that are no padding, weighted by how well each fits a learnt query.

    Args:
        width: Of the states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = _linear(width, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return it."""
        fit = self.query(states)[:, :, 0].float().masked_fill(mask == 0, -torch.inf)
        return torch.einsum("rl,rlw->rw", fit.softmax(1).to(states.dtype), states)


class SpanLogits(nn.Module):
    """Logits of the stretches that begin at each piece, from the states of their first and last unit and their width.

    Args:
        inputs: Width of the states.
        spec: What the task asks for; its width is that of a stretch times the stretches that begin at a piece.
    """

    def __init__(self, inputs: int, spec: HeadSpec) -> None:
        super().__init__()
        self.pieces = spec.span_pieces
        inner = max(64, inputs // 2)
        self.first, self.last = _linear(inputs, inner), _linear(inputs, inner)
        self.width = nn.Parameter(torch.randn(self.pieces, inner) * _STD)
        self.out = _linear(inner, spec.width // self.pieces, spec.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits of shape (rows, length, stretches times types); a stretch that leaves the row reads zeros."""
        last = functional.pad(self.last(states), (0, 0, 0, self.pieces - 1)).unfold(1, self.pieces, 1)
        inner = functional.gelu(self.first(states)[:, :, None] + last.transpose(2, 3) + self.width)
        logits: Tensor = self.out(inner)
        return logits.flatten(2)


_POOLS: dict[str, type[nn.Module]] = {"cls": FirstState, "mean": MeanState, "attention": AttentionState}


def _linear(inputs: int, outputs: int, bias: float = 0.0) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=_STD)
    nn.init.constant_(layer.bias, bias)
    return layer


def _hidden_layer(inputs: int, width: int, dropout: float) -> nn.Module:
    layer = nn.Linear(
        inputs, width
    )  # which keeps torch's wider start: a layer of 0.02 would hardly let anything through
    return nn.Sequential(layer, nn.GELU(), nn.Dropout(dropout))
