"""From rows to logits: through the whole model, or, where the encoder's states are known already, its heads alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from torch import Tensor

from polyhead.batching import Example, collate
from polyhead.batching.sampling import Indices
from polyhead.encoding import TextEncoder
from polyhead.model import MultiTaskModel
from polyhead.model.runtime import tensors_of
from polyhead.training.frozen_states import FrozenStates


class Forward(Protocol):
    """Runs a model forward."""

    def __call__(self, rows: Indices, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of rows."""


class WholeModel:
    """Runs encoder and heads.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        encoder: Puts rows into batches.
    """

    def __init__(self, model: MultiTaskModel, examples: Sequence[Example], encoder: TextEncoder) -> None:
        self._model, self._examples, self._encoder = model, examples, encoder

    def __call__(self, rows: Indices, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of rows."""
        batch = collate([self._examples[row].row for row in rows], self._encoder)
        logits: dict[str, Tensor] = self._model(*tensors_of(batch, self._model.device()), tasks=tasks)
        return logits


class HeadsAlone:
    """Runs the heads on what the encoder said before.

    Args:
        model: The model, on its device.
        states: The encoder's states of the rows to train on.
    """

    def __init__(self, model: MultiTaskModel, states: FrozenStates) -> None:
        self._model, self._states = model, states

    def __call__(self, rows: Indices, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of rows."""
        device = self._model.device()
        layers, mask = self._states.gather(rows)
        return self._model.run_heads([states.to(device) for states in layers], mask.to(device), tasks=tasks)
