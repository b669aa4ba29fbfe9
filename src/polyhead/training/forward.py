"""From rows to logits: through the whole model, or, where the encoder's states are known already, its heads alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from torch import Tensor

from polyhead.batching import Example, collate
from polyhead.batching.sampling import Indices
from polyhead.encoding import TextEncoder
from polyhead.model import MultiTaskModel
from polyhead.model.runtime import tensors_of
from polyhead.training.frozen_states import FrozenStates

Inputs = tuple[Any, ...]
"""What a forward pass needs of rows, on the device."""


class Forward(Protocol):
    """Runs a model forward."""

    def inputs(self, rows: Indices) -> Inputs:
        """Return what a pass needs of rows, on the device."""

    def __call__(self, inputs: Inputs, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of the rows that `inputs` is of."""


class WholeModel:
    """Runs encoder and heads.

    Args:
        model: The model, on its device.
        examples: The rows to train on.
        encoder: Puts rows into batches.
    """

    def __init__(self, model: MultiTaskModel, examples: Sequence[Example], encoder: TextEncoder) -> None:
        self._model, self._examples, self._encoder = model, examples, encoder

    def inputs(self, rows: Indices) -> Inputs:
        """Return the rows as a padded batch."""
        return tensors_of(collate([self._examples[row].row for row in rows], self._encoder), self._model.device())

    def __call__(self, inputs: Inputs, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of the rows."""
        logits: dict[str, Tensor] = self._model(*inputs, tasks=tasks)
        return logits


class HeadsAlone:
    """Runs the heads on what the encoder said before.

    Args:
        model: The model, on its device.
        states: The encoder's states of the rows to train on.
    """

    def __init__(self, model: MultiTaskModel, states: FrozenStates) -> None:
        self._model, self._states = model, states

    def inputs(self, rows: Indices) -> Inputs:
        """Return the states of the rows, and where they are no padding."""
        device = self._model.device()
        layers, mask = self._states.gather(rows)
        return [states.to(device) for states in layers], mask.to(device)

    def __call__(self, inputs: Inputs, *, tasks: Collection[str]) -> dict[str, Tensor]:
        """Return, by task, the logits of the rows."""
        return self._model.run_heads(*inputs, tasks=tasks)
