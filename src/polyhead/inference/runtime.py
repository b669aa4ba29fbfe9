"""What runs the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch


class Runtime(Protocol):
    """Runs the network: torch, ONNX Runtime, OpenVINO, or a test's double."""

    @property
    def tables(self) -> Mapping[str, NDArray[np.float32]]:
        """What decoding needs beside logits, by task: the scores that a CRF learnt, see `Task.with_table`."""

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task: (rows, width) of sentence heads, (rows, length, width) of token heads."""
