"""The mean of a model's weights over the ends of its last epochs."""

from __future__ import annotations

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
        self._count = count
        self._kept: dict[int, dict[str, Tensor]] = {}

    def add(self, epoch: int, model: nn.Module) -> None:
        """Keep the weights as they are now, at the end of an epoch; a second time makes no difference."""
        if self._count > 1:
            self._kept[epoch] = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
            self._kept = {number: self._kept[number] for number in sorted(self._kept)[-self._count :]}

    def __len__(self) -> int:
        return len(self._kept)

    def kept(self) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Yield each epoch and its weights."""
        yield from self._kept.items()

    def restore(self, epoch: int, name: str, tensor: Tensor) -> None:
        """Take back one tensor of what `kept` gave."""
        self._kept.setdefault(epoch, {})[name] = tensor

    @contextmanager
    def mean_in(self, model: nn.Module) -> Iterator[None]:
        """Give a model the mean of the weights kept; it gets its own back at the end."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        kept = [self._kept[epoch] for epoch in sorted(self._kept)]  # in their order, for a sum depends on it
        mean = {
            name: _mean([weights[name] for weights in kept]) if tensor.is_floating_point() else tensor
            for name, tensor in kept[-1].items()
        }
        try:
            model.load_state_dict(mean)
            yield
        finally:
            model.load_state_dict(own)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """Return the mean, in double precision: that of weights that stayed what they are is then just these."""
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[0].dtype)
