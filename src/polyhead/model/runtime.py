"""Runs a model with torch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.bundle import Bundle
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.weights import load_model


class TorchRuntime:
    """Runs a model in fp32, so that an answer does not depend on who computed it.

    Args:
        model: The model, on the device where it is to run. While it is being trained, it is put into evaluation mode
            for each run and back.
    """

    def __init__(self, model: MultiTaskModel) -> None:
        self._model = model
        # Which adapter is active is a matter of the whole encoder, so that passes of two threads must not mix.
        self._alone: AbstractContextManager[Any] = nullcontext() if model.adapters is None else Lock()
        self.parallel = 0  # a batch has all cores to itself

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> TorchRuntime:
        """Load a bundle's weights, onto a GPU where there is one."""
        return cls(load_model(bundle).to("cuda" if torch.cuda.is_available() else "cpu"))

    @property
    def tables(self) -> Mapping[str, NDArray[np.float32]]:
        """What decoding needs beside logits, by task: the scores that a CRF learnt."""
        return {name: table.float().cpu().numpy() for name, table in self._model.tables().items()}

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task."""
        device = self._model.device()
        training = self._model.training
        self._model.eval()
        with self._alone, torch.inference_mode():
            logits = self._model(*tensors_of(batch, device))
        self._model.train(training)
        return {name: value.float().cpu().numpy() for name, value in logits.items()}


def tensors_of(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Return a batch as the model takes it: ids, mask, types."""
    types = None if batch.types is None else torch.from_numpy(batch.types).to(device)
    return torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device), types
