"""Everything random in a process, taken down and put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """Where torch's random numbers stand, on the processor and on GPUs that are in use.

    Attributes:
        cpu: That of the processor.
        cuda: That of each GPU; none where none is in use.
    """

    cpu: Tensor
    cuda: tuple[Tensor, ...]

    @classmethod
    def now(cls) -> RandomState:
        """Note the state."""
        on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
        return cls(torch.get_rng_state(), tuple(torch.cuda.get_rng_state_all()) if on_gpu else ())

    def restore(self) -> None:
        """Have the same numbers drawn again."""
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


def random_tensors() -> dict[str, Tensor]:
    """Return the states of torch's generators, of the processor and of each GPU in use."""
    now = RandomState.now()
    return {"torch": now.cpu, **{f"cuda/{at}": state for at, state in enumerate(now.cuda)}}


def random_values() -> dict[str, Any]:
    """Return the states of Python's and numpy's generators, as JSON."""
    version, numbers, gauss = random.getstate()
    name, keys, place, has_gauss, cached = np.random.get_state()  # not ours: what libraries draw from
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).tolist(), int(place), int(has_gauss), float(cached)],
    }


def restore_random(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Put back what `random_tensors` and `random_values` gave; GPUs that are not there are left out."""
    torch.set_rng_state(tensors["torch"])
    for at in range(torch.cuda.device_count()):
        if (state := tensors.get(f"cuda/{at}")) is not None:
            torch.cuda.set_rng_state(state, at)
    version, numbers, gauss = values["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = values["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
