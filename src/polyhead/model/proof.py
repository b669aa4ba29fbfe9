"""A proof that heads answer as before: their logits on the same batches, bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import torch

from polyhead.batching import Batch
from polyhead.errors import BundleError
from polyhead.model.adapters import Adapters
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.runtime import TorchRuntime

BATCHES = 8
"""Batches that the proof compares."""
_ROWS, _LONGEST = 8, 48


def prove_unchanged(before: MultiTaskModel, after: MultiTaskModel, tasks: Collection[str]) -> None:
    """See that the heads of tasks give equal bits in two models, on rows of random pieces and many lengths.

    Args:
        before: A model.
        after: Another, with the same vocabulary.
        tasks: The tasks that both have.

    Raises:
        BundleError: If a logit, or what decoding needs beside logits, differs.
    """
    one, other = TorchRuntime(before), TorchRuntime(after)
    for name in tasks:
        if name in one.tables and not np.array_equal(one.tables[name], other.tables[name]):
            raise BundleError(f"the CRF of task {name!r} is not what it was; nothing was kept")
    for batch in _batches(before):
        first, second = one.run(batch), other.run(batch)
        for name in tasks:
            if not np.array_equal(first[name], second[name]):
                most = float(np.abs(first[name] - second[name]).max())
                raise BundleError(f"the logits of task {name!r} differ from before by up to {most}; nothing was kept")


def _batches(model: MultiTaskModel) -> Iterator[Batch]:
    random = np.random.default_rng(0)
    size = int(model.encoder.config.vocab_size)  # type: ignore[union-attr,arg-type]
    for _ in range(BATCHES):
        longest = int(random.integers(3, _LONGEST))
        lengths = random.integers(2, longest + 1, size=_ROWS)
        lengths[0] = longest
        mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
        yield Batch(random.integers(0, size, size=mask.shape), mask)


def heads_of(model: MultiTaskModel, keep: Collection[str]) -> MultiTaskModel:
    """Return a model with some of another's heads, on the same encoder."""
    specs = {name: spec for name, spec in model.specs.items() if name in keep}
    smaller = MultiTaskModel(encoder=model.encoder, heads=specs)
    if isinstance(model.adapters, Adapters):
        smaller.adapters = model.adapters.with_tasks(keep)
    with torch.no_grad():
        for name in specs:
            smaller.head(name).load_state_dict(model.head(name).state_dict())
    return smaller.eval()
