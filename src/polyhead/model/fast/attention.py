"""Attention forward and backward: softmax in fp32, put together from operations that are fast on short rows.

torch's softmax goes over the last dimension a row at a time; on rows of a dozen pieces that is ten times as slow as the
sum of its parts, each of which runs over all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Attended:
    """What the backward pass needs.

    Attributes:
        query: Shape (rows x heads, length, width).
        key: Of the same shape.
        value: Of the same shape.
        shares: Shape (rows x heads, length, length): how much each piece reads of each.
        dropped: The same after dropout.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    shares: Tensor
    dropped: Tensor


def attend(
    query: Tensor, key: Tensor, value: Tensor, *, scale: float, bias: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Attended]:
    """Return what each piece reads, and what the backward pass needs.

    Args:
        query: Shape (rows x heads, length, width), as key and value.
        key: What pieces are found by.
        value: What is read of them.
        scale: Of the products.
        bias: In fp32, shape (rows, 1, 1 or length, length): added to the products; `None` where nothing is padding.
        mask: Of dropout, shape (rows x heads, length, length).
    """
    products = torch.bmm(query, key.transpose(1, 2)).float().mul_(scale)
    if bias is not None:
        products.view(bias.shape[0], -1, *products.shape[1:]).add_(bias)
    shares = products.sub_(products.amax(-1, keepdim=True)).exp_()
    shares = shares.div_(shares.sum(-1, keepdim=True)).to(query.dtype)
    dropped = shares if mask is None else shares * mask
    return torch.bmm(dropped, value), Attended(query, key, value, shares, dropped)


def attend_backward(grad: Tensor, own: Attended, *, scale: float, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of query, key and value."""
    of_value = torch.bmm(own.dropped.transpose(1, 2), grad)
    of_shares = torch.bmm(grad, own.value.transpose(1, 2))
    of_shares = (of_shares if mask is None else of_shares * mask).float()
    shares = own.shares.float()
    of_products = of_shares * shares
    of_products = of_products.sub_(shares * of_products.sum(-1, keepdim=True)).mul_(scale).to(own.query.dtype)
    return torch.bmm(of_products, own.key), torch.bmm(of_products.transpose(1, 2), own.query), of_value
