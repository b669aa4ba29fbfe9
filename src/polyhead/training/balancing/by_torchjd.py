"""Gradient aggregation by TorchJD: UPGrad, PCGrad, CAGrad."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from polyhead.errors import MissingExtraError
from polyhead.training.balancing.aggregation import Factors


def upgrad_factors() -> Factors:
    """Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", section 3.

    Each gradient is projected onto the cone of directions that raise no task's loss (in the first order), and the
    projections are summed. TorchJD takes their mean; the sum is the plain sum of gradients where none conflict.

    Raises:
        MissingExtraError: If TorchJD is not installed.
    """
    aggregation = _torchjd("upgrad")
    from torchjd.linalg import DualConeProjector

    class Projector(DualConeProjector):
        """Solves TorchJD's quadratic program, min vᵀ G v with v ≥ u, as non-negative least squares in v - u.

        TorchJD's own needs two further packages, and a Gramian to which something was added.
        """

        def __call__(self, U: Tensor, G: Tensor) -> Tensor:  # noqa: N803 - TorchJD's names
            values, vectors = np.linalg.eigh(G.numpy())
            root = np.sqrt(np.clip(values, 0.0, None))[:, None] * vectors.T
            return torch.from_numpy(np.stack([own + nnls(root, -root @ own)[0] for own in U.numpy()]))

    def _found(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
        ones = torch.ones(len(gramian), dtype=torch.float64)
        return _asked(aggregation.UPGradWeighting(ones, projector=Projector()), gramian)

    return _found


def pcgrad_factors() -> Factors:
    """Yu et al. 2020, "Gradient Surgery for Multi-Task Learning", algorithm 1.

    From each gradient is taken, for each other one in random order that it conflicts with, its part along that; what
    is left is summed. The order is drawn from torch's generator, which is part of a run's state.

    Raises:
        MissingExtraError: If TorchJD is not installed.
    """
    weighting = _torchjd("pcgrad").PCGradWeighting()
    return lambda gramian: _asked(weighting, gramian)


def cagrad_factors(radius: float) -> Factors:
    """Liu et al. 2021, "Conflict-Averse Gradient Descent for Multi-task Learning", algorithm 1.

    Of all directions no further from the mean gradient than `radius` times its length, the one that lowers most the
    loss that it lowers least. It is multiplied with the number of tasks: with a radius of 0 it is the sum.

    Args:
        radius: The paper's c, from 0 to below 1.

    Raises:
        MissingExtraError: If TorchJD or cvxpy is not installed.
    """
    aggregation = _torchjd("cagrad")
    try:
        weighting = aggregation.CAGradWeighting(c=radius)
    except ImportError as error:
        raise MissingExtraError("training.balancing 'cagrad'", "balancing") from error
    return lambda gramian: len(gramian) * _asked(weighting, gramian)


def _torchjd(method: str) -> Any:
    try:
        from torchjd import aggregation
    except ImportError as error:
        raise MissingExtraError(f"training.balancing {method!r}", "balancing") from error
    return aggregation


def _asked(weighting: Any, gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = weighting(torch.from_numpy(gramian)).numpy()
    return found
