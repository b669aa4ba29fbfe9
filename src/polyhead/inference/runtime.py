"""What runs the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch

Purpose = Literal["throughput", "latency"]
"""What a runtime is set up for: many batches side by side, or one text as soon as can be."""


class Runtime(Protocol):
    """Runs the network: torch, ONNX Runtime, OpenVINO, or a test's double."""

    @property
    def tables(self) -> Mapping[str, NDArray[np.float32]]:
        """What decoding needs beside logits, by task: the scores that a CRF learnt, see `Task.with_table`."""

    @property
    def parallel(self) -> int:
        """How many batches are best run at once, each from a thread of its own; 0: by none but the caller's."""

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task: (rows, width) of sentence heads, (rows, length, width) of token heads."""
