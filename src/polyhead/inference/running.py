"""Batches through a runtime, several side by side where it gains by that; answers in the order of the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.inference.runtime import Runtime

Logits = dict[str, NDArray[np.float32]]
Answer = Callable[[], Logits]
"""Gives a batch's logits, once they are there."""


class Runner:
    """Gives batches to a runtime.

    Args:
        runtime: The runtime.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._threads: ThreadPoolExecutor | None = None

    @property
    def ahead(self) -> bool:
        """Whether batches run while the caller does something else."""
        return self._runtime.parallel > 0

    @property
    def at_once(self) -> int:
        """How many batches are run at the same time; as many again stand ready."""
        return max(1, self._runtime.parallel // 2)

    def start(self, make: Callable[[], Batch]) -> Answer:
        """Have a batch made and run, now or when its answer is asked for.

        Args:
            make: Makes the batch, in the thread that runs it.
        """
        if not self.ahead:
            return lambda: self._runtime.run(make())
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._runtime.parallel, thread_name_prefix="polyhead")
        future: Future[Logits] = self._threads.submit(lambda: self._runtime.run(make()))
        return future.result

    def run(self, batches: Iterable[Batch]) -> Iterator[Logits]:
        """Yield the logits of each batch."""
        for answer in [self.start(partial(_same, batch)) for batch in batches]:
            yield answer()


def _same(batch: Batch) -> Batch:
    return batch
