"""Losses, against figures worked out by hand and by torch."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from polyhead.model import task_losses
from polyhead.tasks import HeadSpec

HEADS = {"topic": HeadSpec(reads="sentence", width=3), "slots": HeadSpec(reads="token", width=4)}


def test_sentence_loss_is_cross_entropy() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    loss = task_losses({"topic": logits}, {"topic": torch.tensor([0, 2])}, HEADS)["topic"]
    first = -math.log(math.exp(2) / (math.exp(2) + 2))
    second = -math.log(1 / (math.e + 2))
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-6)


def test_positions_without_target_do_not_count() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4)
    targets = torch.tensor([[-100, 1, -100], [3, -100, 0]])
    loss = task_losses({"slots": logits}, {"slots": targets}, HEADS)["slots"]
    kept = torch.stack([logits[0, 1], logits[1, 0], logits[1, 2]])
    assert float(loss) == pytest.approx(float(functional.cross_entropy(kept, torch.tensor([1, 3, 0]))), abs=1e-6)
    logits[0, 0] += 100.0
    logits[1, 1] -= 100.0
    assert torch.equal(task_losses({"slots": logits}, {"slots": targets}, HEADS)["slots"], loss)


def test_sentences_without_target_do_not_count() -> None:
    logits = torch.randn(3, 3)
    loss = task_losses({"topic": logits}, {"topic": torch.tensor([-100, 1, -100])}, HEADS)["topic"]
    assert float(loss) == pytest.approx(float(functional.cross_entropy(logits[1:2], torch.tensor([1]))), abs=1e-6)


def test_tasks_without_targets_are_left_out() -> None:
    logits = {"topic": torch.randn(2, 3), "slots": torch.randn(2, 3, 4)}
    losses = task_losses(logits, {"topic": torch.tensor([0, 1])}, HEADS)
    assert list(losses) == ["topic"]
    assert task_losses(logits, {}, HEADS) == {}


def test_loss_is_fp32_for_bf16_logits() -> None:
    logits = torch.randn(2, 3).bfloat16()
    loss = task_losses({"topic": logits}, {"topic": torch.tensor([0, 1])}, HEADS)["topic"]
    assert loss.dtype == torch.float32
