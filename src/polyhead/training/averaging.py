"""The mean of a model's weights over the ends of its last epochs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class LastEpochs:
    """Keeps weights of the last epochs (Izmailov et al. 2018: averaging finds wider optima than the last point).

    Args:
        count: How many epochs; their weights are held in memory.
    """

    def __init__(self, count: int) -> None:
        self._kept: deque[dict[str, Tensor]] = deque(maxlen=count)

    def add(self, model: nn.Module) -> None:
        """Keep the weights as they are now."""
        if self._kept.maxlen and self._kept.maxlen > 1:
            self._kept.append({name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()})

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def mean_in(self, model: nn.Module) -> Iterator[None]:
        """Give a model the mean of the weights kept; it gets its own back at the end."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        mean = {
            name: _mean([kept[name] for kept in self._kept]) if tensor.is_floating_point() else tensor
            for name, tensor in self._kept[-1].items()
        }
        try:
            model.load_state_dict(mean)
            yield
        finally:
            model.load_state_dict(own)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """Return the mean, in double precision: that of weights that stayed what they are is then just these."""
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[0].dtype)
