"""Gradients put together: each method is its source's formula, on two gradients that were worked out by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyhead.errors import MissingExtraError
from polyhead.training.balancing.aggregation import gramian_of
from polyhead.training.balancing.by_torchjd import cagrad_factors, pcgrad_factors, upgrad_factors
from polyhead.training.balancing.nash import nash_factors

OPPOSED = np.array([[1.0, 0.0], [-0.5, 1.0]])
"""Two gradients whose inner product is -0.5."""
AGREEING = np.array([[1.0, 0.0], [0.5, 2.0]])


def direction(factors: np.ndarray, gradients: np.ndarray) -> list[float]:
    return (factors @ gradients).tolist()


@pytest.mark.parametrize("method", [upgrad_factors(), pcgrad_factors()])
def test_projections_of_two_gradients(method: object) -> None:
    """g1 without its part along g2: (1, 0) + 0.5 / 1.25 · (-0.5, 1) = (0.8, 0.4); g2 without g1: (0, 1)."""
    assert direction(method(OPPOSED @ OPPOSED.T), OPPOSED) == pytest.approx([0.8, 1.4])  # type: ignore[operator]
    agreed = method(AGREEING @ AGREEING.T)  # type: ignore[operator]
    assert direction(agreed, AGREEING) == pytest.approx([1.5, 2.0]), "where none conflict, the plain sum"


def test_upgrad_is_what_its_authors_print() -> None:
    """The example of TorchJD's own documentation, which gives the mean in place of the sum."""
    gradients = np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])
    found = direction(upgrad_factors()(gradients @ gradients.T), gradients)
    assert [own / 2 for own in found] == pytest.approx([0.2929, 1.9004, 1.9004], abs=1e-3)


def test_cagrad_of_two_equal_gradients_that_stand_upright() -> None:
    """g0 = (0.5, 0.5), and by symmetry g_w = g0: d = (1 + c) g0, times the number of tasks."""
    upright = np.eye(2)
    assert direction(cagrad_factors(0.5)(upright @ upright.T), upright) == pytest.approx([1.5, 1.5], abs=1e-3)
    assert direction(cagrad_factors(0.0)(OPPOSED @ OPPOSED.T), OPPOSED) == pytest.approx([0.5, 1.0], abs=1e-3)


def test_cagrad_is_the_best_direction_in_its_ball() -> None:
    """Of all d with |d - g0| ≤ c |g0|, the one with the largest least inner product, found here by trying them all."""
    mean = OPPOSED.mean(0)
    found = np.array(direction(cagrad_factors(0.4)(OPPOSED @ OPPOSED.T), OPPOSED)) / 2
    angles = np.linspace(0, 2 * np.pi, 20_001)
    rim = mean + 0.4 * np.linalg.norm(mean) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert float((OPPOSED @ found).min()) == pytest.approx(float((rim @ OPPOSED.T).min(1).max()), abs=1e-3)
    assert np.linalg.norm(found - mean) == pytest.approx(0.4 * np.linalg.norm(mean), rel=1e-3)


def test_nash_of_two_gradients() -> None:
    """cos = -0.5 / √1.25 = -0.447214: β = 1 / √(1 + cos) for both, α = β / |g|; the norm √2 is cut to 1."""
    cosine = -0.5 / np.sqrt(1.25)
    alpha = np.array([1.0, 1 / np.sqrt(1.25)]) / np.sqrt(1 + cosine)
    found = nash_factors(OPPOSED @ OPPOSED.T)
    assert found == pytest.approx(alpha / np.sqrt(2), rel=1e-5)
    assert (OPPOSED @ OPPOSED.T) @ alpha == pytest.approx(1 / alpha), "the equation of the paper"
    scaled = OPPOSED * np.array([[1000.0], [1.0]])
    assert direction(nash_factors(scaled @ scaled.T), scaled) == pytest.approx(direction(found, OPPOSED), rel=1e-5)


def test_nash_is_torchjds_where_that_can_be_had() -> None:
    pytest.importorskip("ecos", reason="TorchJD's Nash-MTL needs ECOS")
    from torchjd.aggregation import NashMTL

    theirs = NashMTL(2)(torch.from_numpy(OPPOSED)).numpy()
    assert direction(nash_factors(OPPOSED @ OPPOSED.T), OPPOSED) == pytest.approx(theirs.tolist(), rel=1e-2)


METHODS = {"upgrad": upgrad_factors(), "pcgrad": pcgrad_factors(), "cagrad": cagrad_factors(0.5), "nash": nash_factors}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "gradients",
    [
        np.array([[1.0, 0.0], [-1.0, 0.0]]),  # nothing lowers both
        np.array([[0.0, 0.0], [1.0, 0.0]]),
        np.zeros((2, 2)),
        np.array([[1e-12, 0.0], [0.0, 1e6]]),
        np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 1e-9]]),
    ],
)
def test_odd_gradients_give_finite_numbers(name: str, gradients: np.ndarray) -> None:
    factors = METHODS[name](gradients @ gradients.T)
    assert np.isfinite(factors).all()
    assert np.isfinite(factors @ gradients).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(2, 4), st.integers(4, 6)), elements=st.floats(-3, 3, width=16)))
def test_upgrad_and_nash_raise_no_loss(gradients: np.ndarray) -> None:
    scale = float(np.square(gradients).sum()) + 1.0
    for name in ("upgrad", "nash"):
        found = METHODS[name](gradients @ gradients.T) @ gradients
        assert (gradients @ found >= -1e-3 * scale).all(), name


def test_the_gramian_takes_weights_that_not_all_reach() -> None:
    first, second = torch.tensor([[1.0, 2.0]]), torch.tensor([3.0])
    rows = [{0: first, 5: second}, {0: 2 * first}]
    assert gramian_of(rows).tolist() == [[14.0, 10.0], [10.0, 20.0]]


@pytest.mark.parametrize("make", [upgrad_factors, pcgrad_factors, lambda: cagrad_factors(0.5)])
def test_a_missing_extra_is_named(make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(MissingExtraError, match=r"training.balancing '\w+' needs the extra 'balancing'"):
        make()  # type: ignore[operator]
