"""Everything random in a process, taken down and put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def random_tensors() -> dict[str, Tensor]:
    """Return the states of torch's generators, of the processor and of each GPU."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"torch": torch.get_rng_state(), **{f"cuda/{at}": state for at, state in enumerate(gpus)}}


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
