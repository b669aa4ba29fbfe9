"""Masks that cost little are masks all the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from polyhead.model.fast.dropout import FastDropout, MaskSource

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(drop=st.floats(0.01, 0.95), seed=st.integers(0, 2**32))
def test_a_mask_drops_its_share_and_scales_the_rest(dtype: torch.dtype, drop: float, seed: int) -> None:
    torch.manual_seed(seed)
    mask = MaskSource().mask((100, 400), drop, dtype)
    assert mask is not None
    assert mask.dtype == dtype
    values = mask.float().unique().tolist()
    assert values[0] == 0.0
    assert values[1:] == [pytest.approx(1 / (1 - drop), rel=0.005)]
    share = float((mask == 0).float().mean())
    assert share == pytest.approx(drop, abs=5 * (drop * (1 - drop) / 40_000) ** 0.5 + 1 / 32_768)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    mask = MaskSource().mask((1000, 1000), 0.5, torch.float32)
    assert mask is not None
    dropped = (mask == 0).double() - 0.5
    for moved in (dropped.roll(1, 0), dropped.roll(1, 1), dropped.roll(4, 1)):
        assert abs(float((dropped * moved).mean())) < 0.0025 / 2


def test_nothing_is_dropped_at_no_rate() -> None:
    assert MaskSource().mask((3, 3), 0.0, torch.float32) is None


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_a_seed_gives_the_same_mask_again(seed: int, size: int) -> None:
    masks = []
    for _ in range(2):
        torch.manual_seed(seed)
        source = MaskSource()
        masks.append([source.mask((size,), 0.3, torch.float32) for _ in range(2)])
    for one, other in zip(*masks, strict=True):
        assert torch.equal(one, other)  # type: ignore[arg-type]


def test_the_gradient_passes_where_values_did() -> None:
    dropout = FastDropout(0.4).train()
    values = torch.ones(50, 50, requires_grad=True)
    dropped = dropout(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())
    assert torch.equal(dropout.eval()(values), values)


def test_all_is_dropped_at_the_highest_rate_as_torch_does() -> None:
    values = torch.ones(5)
    assert torch.equal(FastDropout(1.0).train()(values), nn.Dropout(1.0).train()(values))
