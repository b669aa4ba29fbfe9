"""Weights that are found: each method is its source's formula, on numbers that were worked out by hand."""

from __future__ import annotations

import json
import math

import pytest
import torch

from polyhead.training.balancing.dwa import DynamicWeightAverage
from polyhead.training.balancing.uncertainty import Uncertainty


def test_uncertainty_is_the_formula_and_so_is_its_gradient() -> None:
    """exp(-s) L + s / 2 for classes, exp(-s) L / 2 + s / 2 for numbers; the derivative by hand is autograd's."""
    method = Uncertainty({"topic": 1.0, "price": 2.0}, shares={"topic": 1.0, "price": 0.5}, lr=0.1)
    method.taken({"topic": 0.5, "price": 3.0})
    # Best for these losses: s = log(2 · 0.5) = 0 and s = log(2 · 3) = 1.791759; there the gradient is 0.
    assert method.weights() == {"topic": pytest.approx(1.0), "price": pytest.approx(2.0 * 0.5 / 6.0)}
    logs = {name: torch.tensor(value, requires_grad=True) for name, value in (("topic", 0.0), ("price", math.log(6.0)))}
    losses = {"topic": 2.0, "price": 1.0}
    total = torch.exp(-logs["topic"]) * losses["topic"] + logs["topic"] / 2
    total = total + torch.exp(-logs["price"]) * 2.0 * losses["price"] / 2 + logs["price"] / 2
    total.backward()
    assert float(logs["topic"].grad) == pytest.approx(0.5 - 2.0)  # type: ignore[arg-type]
    assert float(logs["price"].grad) == pytest.approx(0.5 - 1 / 6)  # type: ignore[arg-type]
    given = {name: 0.5 - weight * losses[name] for name, weight in method.weights().items()}
    assert given == {name: pytest.approx(float(log.grad)) for name, log in logs.items()}  # type: ignore[arg-type]


def test_the_total_is_the_weighted_sum() -> None:
    method = Uncertainty({"topic": 1.0, "tags": 1000.0}, shares={"topic": 1.0, "tags": 1.0}, lr=0.1)
    losses = {"topic": torch.tensor(0.8), "tags": torch.tensor(0.4)}
    assert float(method.total(losses)) == pytest.approx(0.8 + 400.0), "the first step goes by the plain weights"
    method.taken({"topic": 0.8, "tags": 0.4})
    # L / (2 L) each: a weight of 1,000 beneath it is learnt away.
    assert float(method.total(losses)) == pytest.approx(0.5 + 0.5)
    assert method.learnt() == {"topic": pytest.approx(1 / 1.6), "tags": pytest.approx(1 / 0.8)}


def test_s_goes_where_the_loss_goes() -> None:
    method = Uncertainty({"topic": 1.0}, shares={"topic": 1.0}, lr=0.05)
    for _ in range(400):
        method.taken({"topic": 0.1})
        method.taken({"topic": 0.3})
    assert method.weights()["topic"] == pytest.approx(1 / (2 * 0.2), rel=0.1)


def test_uncertainty_of_a_task_without_target_stays_although_adam_was_going() -> None:
    method = Uncertainty({"topic": 1.0, "tags": 1.0}, shares={"topic": 1.0, "tags": 1.0}, lr=0.1)
    for loss in (2.0, 1.0, 0.5):
        method.taken({"topic": loss, "tags": loss})
    before = method.weights()
    method.taken({"topic": 0.1})
    after = method.weights()
    assert after["tags"] == before["tags"]
    assert after["topic"] != before["topic"]


def test_a_task_of_weight_zero_or_loss_zero_gives_no_number_that_is_none() -> None:
    method = Uncertainty({"topic": 0.0, "tags": 1.0}, shares={"topic": 1.0, "tags": 1.0}, lr=0.1)
    for _ in range(3):
        method.taken({"topic": 1.0, "tags": 0.0})
    assert method.weights() == {"topic": 0.0, "tags": 1.0}


def test_uncertainty_comes_back_from_json_as_it_was() -> None:
    def made() -> Uncertainty:
        return Uncertainty({"topic": 1.0, "tags": 1.0}, shares={"topic": 1.0, "tags": 0.5}, lr=0.1)

    whole, broken = made(), made()
    losses = [{"topic": 1 / 3}, {"topic": 0.7, "tags": 2.1}, {"tags": 0.1}, {"topic": 0.2, "tags": 0.9}]
    for own in losses:
        whole.taken(own)
    for own in losses[:2]:
        broken.taken(own)
    resumed = made()
    resumed.restore(json.loads(json.dumps(broken.to_json())))
    for own in losses[2:]:
        resumed.taken(own)
    assert resumed.weights() == whole.weights()
    assert resumed.to_json() == whole.to_json()


def test_dwa_is_the_formula() -> None:
    """K = 2, T = 2: r = (0.5, 1), so λ = 2 e^0.25 / (e^0.25 + e^0.5) = 0.875647 and 1.124353."""
    method = DynamicWeightAverage({"topic": 1.0, "tags": 3.0}, window=2, temperature=2.0)
    assert method.weights() == {"topic": 1.0, "tags": 3.0}
    for topic, tags in ((1.5, 0.25), (0.5, 0.75)):  # means 1 and 0.5
        method.taken({"topic": topic, "tags": tags})
    assert method.weights() == {"topic": 1.0, "tags": 3.0}, "of the first two windows all λ are 1"
    for topic, tags in ((0.75, 0.5), (0.25, 0.5)):  # means 0.5 and 0.5
        method.taken({"topic": topic, "tags": tags})
    first = 2 * math.exp(0.25) / (math.exp(0.25) + math.exp(0.5))
    assert first == pytest.approx(0.875647, abs=1e-6)
    assert method.weights() == {"topic": pytest.approx(first), "tags": pytest.approx(3 * (2 - first))}


def test_dwa_counts_the_tasks_that_are_there() -> None:
    method = DynamicWeightAverage(dict.fromkeys("abc", 1.0), window=1, temperature=1.0)
    method.taken({"a": 1.0, "b": 1.0, "c": 1.0})
    method.taken({"a": 1.0, "b": 2.0})  # c has stopped, or is rare
    raised = math.e + math.e**2
    assert method.weights() == {
        "a": pytest.approx(2 * math.e / raised), "b": pytest.approx(2 * math.e**2 / raised), "c": 1.0,
    }  # fmt: skip
    assert set(method.learnt()) == {"a", "b"}


def test_dwa_survives_losses_of_zero_and_losses_that_jump() -> None:
    method = DynamicWeightAverage({"a": 1.0, "b": 1.0}, window=1, temperature=2.0)
    for losses in ({"a": 0.0, "b": 1e-6}, {"a": 1.0, "b": 1e6}):
        method.taken(losses)
    assert method.weights() == {"a": pytest.approx(0.0), "b": pytest.approx(2.0)}


def test_dwa_comes_back_from_json_as_it_was() -> None:
    whole = DynamicWeightAverage({"a": 1.0, "b": 1.0}, window=2, temperature=2.0)
    for at in range(5):
        whole.taken({"a": 1 / (at + 3), "b": 0.1 * at + 0.3})
    resumed = DynamicWeightAverage({"a": 1.0, "b": 1.0}, window=2, temperature=2.0)
    resumed.restore(json.loads(json.dumps(whole.to_json())))
    for method in (whole, resumed):
        method.taken({"a": 0.2, "b": 0.3})
    assert resumed.to_json() == whole.to_json()
    assert resumed.weights() == whole.weights() != {"a": 1.0, "b": 1.0}
