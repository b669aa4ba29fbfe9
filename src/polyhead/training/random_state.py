"""The state of what dropout draws from."""

from __future__ import annotations

from dataclasses import dataclass

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
